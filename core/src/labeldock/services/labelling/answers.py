"""What a form says, as the result of an annotation; and a result, as a form shows it.

The results are those that clients of the API read and write: `from_name`, `to_name`,
`type` and `value`, with the size of the picture where there is one. Parts of a result
that the form does not know stay as they are.
"""

from __future__ import annotations

import math
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem
from labeldock.services.labelling.controls import Control, Questions

REGIONS: Final = "regions"
"""The field of a form that holds the rectangles, as JSON."""
_MOST_REGIONS: Final = 5000
_MOST_TEXT: Final = 1_000_000
_EDGES: Final = ("x", "y", "width", "height")
_ROOM: Final = 1e-6  # for what rounding adds
_ALPHABET: Final = string.ascii_letters + string.digits
Result = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answers:
    """A result as a form shows it.

    Attributes:
        chosen: name of a control -> the values that it has.
        texts: name of a control -> its text.
        stars: name of a control -> its rating.
        regions: rectangles as the script draws them.
        others: parts of the result that the form does not show.
    """

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    stars: Mapping[str, int] = field(default_factory=dict)
    regions: Sequence[Mapping[str, Any]] = ()
    others: Sequence[Mapping[str, Any]] = ()


def name_field(number: int, option: int | None = None) -> str:
    """The name of a form's field: that of a control, or of one of its options."""
    return f"answer-{number}" if option is None else f"answer-{number}-{option}"


def read_answers(questions: Questions, values: Mapping[str, Any]) -> Result:
    """The result that a form stands for.

    Raises:
        InvalidInput: something that is required is missing, or no answer at all.
    """
    problems: list[Problem] = []
    result: Result = []
    for number, control in enumerate(questions.controls):
        if control.draws or control.kind == "labels":
            continue
        value = _read_one(number, control, values)
        if value is not None:
            result.append(_build_part(control, value))
        elif control.is_required:
            problems.append(Problem(name_field(number), "This needs an answer."))
    result += _read_regions(questions, values, problems)
    if problems:
        raise InvalidInput("Something is missing.", problems=problems)
    return result


def _read_one(
    number: int, control: Control, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    given = str(values.get(name_field(number), "")).replace("\r\n", "\n")
    if control.kind == "choices":
        return _read_choices(number, control, values)
    if control.kind == "rating":
        is_number = given.isascii() and given.isdigit() and len(given) < 4
        stars = min(int(given), control.stars) if is_number else 0
        return {"rating": stars} if stars else None
    text = given[:_MOST_TEXT].strip("\n")
    return {"text": [text]} if text.strip() else None


def _read_choices(
    number: int, control: Control, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    if control.is_multiple:
        chosen = [
            each.value
            for place, each in enumerate(control.options)
            if values.get(name_field(number, place))
        ]
    else:
        given = values.get(name_field(number))
        places = enumerate(control.options)
        chosen = [each.value for place, each in places if str(place) == given]
    return {"choices": chosen} if chosen else None


def _build_part(control: Control, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": make_id(),
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.kind,
        "origin": "manual",
        "value": value,
    }


def make_id() -> str:
    """An id of a region, as clients make them."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


# Rectangles


def _read_regions(
    questions: Questions, values: Mapping[str, Any], problems: list[Problem]
) -> Result:
    drawing = next((each for each in questions.controls if each.draws), None)
    if drawing is None:
        return []
    regions = _parse_regions(values.get(REGIONS) or "[]")
    if drawing.is_required and not regions:
        problems.append(Problem(REGIONS, "This needs a rectangle."))
    labelling = find_labels(questions, drawing)
    return [part for each in regions for part in _shape(drawing, labelling, each)]


def find_labels(questions: Questions, drawing: Control) -> Control | None:
    """The control that gives rectangles their labels; itself, or one beside it."""
    if drawing.kind == "rectanglelabels":
        return drawing
    beside = (c for c in questions.controls if c.kind == "labels")
    return next((c for c in beside if c.to_name == drawing.to_name), None)


def _parse_regions(text: object) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(str(text))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or len(found) > _MOST_REGIONS:
        raise InvalidInput("The rectangles cannot be read.", field=REGIONS)
    return [_check_region(each) for each in found]


def _check_region(region: object) -> dict[str, Any]:
    if not isinstance(region, dict):
        raise InvalidInput("A rectangle has to be an object.", field=REGIONS)
    values = {name: _read_number(region, name) for name in (*_EDGES, "rotation")}
    sizes = {name: _read_number(region, name) for name in _SIZES}
    x, y, width, height = (values[name] for name in _EDGES)
    is_within = min(x, y) >= -_ROOM and min(width, height) > 0
    turned = values["rotation"] != 0  # it may lie over the edge
    over = max(x + width, y + height) > 100 + _ROOM
    if not is_within or (over and not turned) or min(sizes.values()) <= 0:
        raise InvalidInput(
            "A rectangle lies outside of the picture.",
            field=REGIONS,
            remedy="Give percent of the picture, and its size in pixels.",
        )
    labels = region.get("labels")
    known = [str(each) for each in labels] if isinstance(labels, list) else []
    name = region.get("id")
    return {
        "id": name if isinstance(name, str) and 0 < len(name) <= 64 else make_id(),
        "labels": known,
        "value": values,
        "sizes": {name: int(size) for name, size in sizes.items()},
    }


_SIZES: Final = ("original_width", "original_height")


def _read_number(region: Mapping[str, Any], name: str) -> float:
    value = region.get(name, 0)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise InvalidInput(f"{name} of a rectangle is no number.", field=REGIONS)
    return float(value)


def _shape(
    drawing: Control, labelling: Control | None, region: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The parts of a result for a rectangle: one, or with labels beside it two."""
    options = labelling.options if labelling else ()
    known = {each.value for each in options}
    labels = [each for each in region["labels"] if each in known]
    if len(labels) != len(region["labels"]):
        raise InvalidInput("A rectangle has an unknown label.", field=REGIONS)
    place = {**region["sizes"], "image_rotation": 0, "id": region["id"]}
    if labelling is drawing:
        if not labels:
            raise InvalidInput(
                "A rectangle has no label.", field=REGIONS, remedy="Choose one for it."
            )
        value = {**region["value"], "rectanglelabels": labels}
        yield {**_build_part(drawing, value), **place}
        return
    yield {**_build_part(drawing, region["value"]), **place}
    if labelling is not None and labels:
        value = {**region["value"], "labels": labels}
        yield {**_build_part(labelling, value), **place}


# From a result back to a form


def show_answers(questions: Questions, result: object) -> Answers:
    """What a form shows of a result, and what it leaves as it is."""
    controls = {each.name: each for each in questions.controls}
    chosen: dict[str, tuple[str, ...]] = {}
    texts: dict[str, str] = {}
    stars: dict[str, int] = {}
    regions: dict[str, dict[str, Any]] = {}
    others = []
    for part in result if isinstance(result, list) else []:
        control = controls.get(str(part.get("from_name")))
        value = part.get("value")
        if control is None or not _fits(control, part):
            others.append(part)
        elif control.kind == "choices":
            chosen[control.name] = _list_texts(value.get("choices"))
        elif control.kind == "textarea":
            texts[control.name] = "\n".join(_list_texts(value.get("text")))
        elif control.kind == "rating":
            rating = value.get("rating")
            stars[control.name] = rating if isinstance(rating, int) else 0
        else:
            _note_region(regions, control, part)
    return Answers(chosen, texts, stars, list(regions.values()), others)


def _fits(control: Control, part: Mapping[str, Any]) -> bool:
    """Whether the form can show it, and can say the same again."""
    value = part.get("value")
    if part.get("type") != control.kind or not isinstance(value, dict):
        return False
    if control.kind == "choices":
        known = {each.value for each in control.options}
        return known.issuperset(_list_texts(value.get("choices")))
    if control.kind == "textarea":
        return len(_list_texts(value.get("text"))) == 1
    if control.kind == "rating":
        return True
    places = [value.get(each) for each in _EDGES]
    return all(isinstance(each, int | float) for each in places)


def _list_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _note_region(
    regions: dict[str, dict[str, Any]], control: Control, part: Mapping[str, Any]
) -> None:
    value = part["value"]
    name = str(part.get("id") or make_id())
    region = regions.setdefault(name, {"id": name, "labels": []})
    region |= {each: value.get(each, 0) for each in (*_EDGES, "rotation")}
    region |= {each: part.get(each, 0) for each in _SIZES}
    key = "rectanglelabels" if control.kind == "rectanglelabels" else "labels"
    if labels := _list_texts(value.get(key)):
        region["labels"] = list(labels)

"""Annotations and predictions as people read them, and as shapes over a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from labeldock.db.types import dump_json
from labeldock.services.labelling.controls import Questions

MOST: Final = 2000
"""How many parts of a result are shown where it is the one that is drawn."""
_STEPS: Final = 36
_USUAL: Final = "#0e7c86"
_LONGEST: Final = 400
_KINDS: Final = {"textarea": "text", "choices": "choice", "labels": "label"}


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a result.

    Attributes:
        number: its place, by which list and picture know it.
        kind: what it is, in words.
        labels: its labels or choices.
        text: what else there is to say: where, how large, which words.
        colour: of its label.
        shape: `polygon`, `polyline`, `point`, or empty if nothing is drawn.
        points: of the shape, in percent of the picture.
        name: the `from_name`.
    """

    number: int
    kind: str
    labels: tuple[str, ...]
    text: str
    colour: str
    shape: str = ""
    points: str = ""
    name: str = ""


def read_lines(result: object, questions: Questions, most: int = MOST) -> list[Line]:
    """A result, part by part; labels and the shape that they are of in one line."""
    parts = result if isinstance(result, list) else []
    known = [each for each in parts[:most] if isinstance(each, dict)]
    merged = enumerate(_merge(known))
    return [_read(number, part, questions, known) for number, part in merged]


def count_left_out(result: object, most: int = MOST) -> int:
    """How many parts are not shown."""
    return max(0, len(result) - most) if isinstance(result, list) else 0


def _merge(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Shapes without the labels that stand beside them under the same id."""
    of_shapes: dict[Any, tuple[str, ...]] = {}
    labels = {
        _id(each): _list_labels(_value(each))
        for each in parts
        if each.get("type") == "labels"
    }
    shapes = {_id(p) for p in parts if p.get("type") in {"rectangle", "polygon"}}
    of_shapes = {name: labels[name] for name in labels.keys() & shapes}
    for part in parts:
        if part.get("type") == "labels" and _id(part) in of_shapes:
            continue
        extra = of_shapes.get(_id(part), ())
        yield (
            {**part, "value": {**_value(part), "labels": list(extra)}}
            if extra
            else part
        )


def _id(part: Mapping[str, Any]) -> str:
    return str(part.get("id"))


def _value(part: Mapping[str, Any]) -> dict[str, Any]:
    value = part.get("value")
    return value if isinstance(value, dict) else {}


def _read(
    number: int,
    part: Mapping[str, Any],
    questions: Questions,
    parts: list[dict[str, Any]],
) -> Line:
    value, kind = _value(part), str(part.get("type", ""))
    labels = _list_labels(value)
    if kind == "relation":
        return Line(number, "relation", labels, _tell_relation(part, parts), _USUAL)
    colour = next((questions.colours[x] for x in labels if x in questions.colours), "")
    shape, points = _draw(part, value)
    return Line(
        number=number,
        kind=_KINDS.get(kind) or kind.removesuffix("labels") or "unknown",
        labels=labels,
        text=_tell(value)[:_LONGEST],
        colour=colour or _USUAL,
        shape=shape,
        points=points,
        name=str(part.get("from_name", "")),
    )


def _list_labels(value: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for key, given in value.items():
        if key == "choices" or key.endswith("labels"):
            found += _flatten(given)
    return tuple(found[:50])


def _flatten(given: object) -> list[str]:
    if isinstance(given, list):
        return [
            " / ".join(map(str, x)) if isinstance(x, list) else str(x) for x in given
        ]
    return [str(given)]


def _tell_relation(part: Mapping[str, Any], parts: list[dict[str, Any]]) -> str:
    names = {_id(each): ", ".join(_list_labels(_value(each))) for each in parts}
    ends = [str(part.get("from_id", "?")), str(part.get("to_id", "?"))]
    first, second = (names.get(each) or each for each in ends)
    arrow = {"left": "\N{LEFTWARDS ARROW}", "bi": "\N{LEFT RIGHT ARROW}"}
    sign = arrow.get(str(part.get("direction")), "\N{RIGHTWARDS ARROW}")
    return f"{first} {sign} {second}"[:_LONGEST]


def _tell(value: Mapping[str, Any]) -> str:
    """What a value says besides its labels."""
    if "rle" in value or "format" in value:
        return f"brush mask, {_measure_mask(value)} bytes"
    if isinstance(value.get("points"), list):
        return f"{len(value['points'])} corners"
    if "radiusX" in value:
        radii = _percent(value, "radiusX", "radiusY")
        return f"at {_percent(value, 'x', 'y')}, radii {radii}"
    if "height" in value and "x" in value:
        turned = value.get("rotation") or 0
        tail = f", turned by {_round(turned)}°" if turned else ""
        size = _percent(value, "width", "height")
        return f"at {_percent(value, 'x', 'y')}, {size}{tail}"
    if "x" in value and "y" in value:
        return f"at {_percent(value, 'x', 'y')}"
    return _tell_words(value)


def _tell_words(value: Mapping[str, Any]) -> str:
    if "rating" in value:
        return f"{value['rating']} stars"
    if "start" in value:
        words = value.get("text", "")
        return f"{value.get('start')} to {value.get('end')} {words}".strip()
    for key in ("text", "number", "datetime"):
        if key in value:
            return "\n".join(_flatten(value[key]))
    rest = {
        k: v for k, v in value.items() if k != "choices" and not k.endswith("labels")
    }
    return dump_json(rest) if rest else ""


def _measure_mask(value: Mapping[str, Any]) -> int:
    mask = value.get("rle")
    return len(mask) if isinstance(mask, list | str) else 0


def _percent(value: Mapping[str, Any], first: str, second: str) -> str:
    joint = " \N{MULTIPLICATION SIGN} " if first in {"width", "radiusX"} else ", "
    return joint.join(
        f"{_round(value.get(key))}\N{NO-BREAK SPACE}%" for key in (first, second)
    )


def _round(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "?"


# Shapes


def _draw(part: Mapping[str, Any], value: Mapping[str, Any]) -> tuple[str, str]:
    """A shape and its points, in percent; turned ones by the picture's true sides."""
    try:
        if isinstance(value.get("points"), list):
            return _draw_points(value)
        if "radiusX" in value:
            return "polygon", _join(_go_round(value, _find_ratio(part)))
        if "rle" in value or "x" not in value or "y" not in value:
            return "", ""
        if "height" in value:
            return "polygon", _join(_list_corners(value, _find_ratio(part)))
        return "point", _join([(_number(value, "x"), _number(value, "y"))])
    except (TypeError, ValueError, LookupError, OverflowError):
        return "", ""


def _number(value: Mapping[str, Any], key: str) -> float:
    found = float(value.get(key) or 0)
    if not math.isfinite(found):
        raise ValueError(key)
    return found


def _find_ratio(part: Mapping[str, Any]) -> float:
    """How wide the picture is, with its height as 1."""
    width, height = _number(part, "original_width"), _number(part, "original_height")
    return width / height if width > 0 and height > 0 else 1.0


def _draw_points(value: Mapping[str, Any]) -> tuple[str, str]:
    points = [(float(each[0]), float(each[1])) for each in value["points"][:MOST]]
    if not all(math.isfinite(number) for point in points for number in point):
        return "", ""
    is_open = value.get("closed") is False
    return ("polyline" if is_open else "polygon"), _join(points)


def _list_corners(value: Mapping[str, Any], ratio: float) -> list[tuple[float, float]]:
    width, height = _number(value, "width"), _number(value, "height")
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    return [_turn(value, corner, ratio) for corner in corners]


def _go_round(value: Mapping[str, Any], ratio: float) -> list[tuple[float, float]]:
    across, down = _number(value, "radiusX"), _number(value, "radiusY")
    angles = [2 * math.pi * step / _STEPS for step in range(_STEPS)]
    around = [(across * math.cos(each), down * math.sin(each)) for each in angles]
    return [_turn(value, point, ratio) for point in around]


def _turn(
    value: Mapping[str, Any], point: tuple[float, float], ratio: float
) -> tuple[float, float]:
    """A point turned about the place of its shape, in pixels, not in percent."""
    angle = math.radians(_number(value, "rotation"))
    across, down = point[0] * ratio, point[1]
    turned = across * math.cos(angle) - down * math.sin(angle)
    lower = across * math.sin(angle) + down * math.cos(angle)
    return _number(value, "x") + turned / ratio, _number(value, "y") + lower


def _join(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.3f},{y:.3f}" for x, y in points)

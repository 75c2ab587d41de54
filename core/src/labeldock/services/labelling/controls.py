"""What a label config asks a person, as far as a simple form can ask it.

What the form cannot ask is told by name, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from xml.parsers import expat

_VARIABLE: Final = re.compile(r"\$(\w[\w.-]*)")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?|[a-zA-Z]{3,24}")
_PALETTE: Final = (
    "#0e7c86", "#b3441e", "#5b3cc4", "#2f7d32", "#a61e6b", "#1f5fbf", "#8a6100",
    "#c62828",
)  # fmt: skip
# Tag of a control -> how the form asks for it.
_KINDS: Final = {
    "Choices": "choices",
    "TextArea": "textarea",
    "Rating": "rating",
    "RectangleLabels": "rectanglelabels",
    "Rectangle": "rectangle",
    "Labels": "labels",
}
_OPTION_TAGS: Final = frozenset({"Choice", "Label"})
_REGIONS: Final = frozenset({"rectanglelabels", "rectangle"})
_MOST_STARS: Final = 20


@dataclass(frozen=True, slots=True)
class Option:
    """A choice or a label.

    Attributes:
        value: what an annotation says.
        text: what people read.
        colour: of its regions, as CSS has it.
        hotkey: the key that the label config gives it, if any.
    """

    value: str
    text: str
    colour: str
    hotkey: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """A question: what its answers are called, and what they are about."""

    name: str
    to_name: str
    tag: str
    kind: str
    title: str
    options: tuple[Option, ...] = ()
    is_multiple: bool = False
    is_required: bool = False
    stars: int = 0
    rows: int = 1

    @property
    def draws(self) -> bool:
        """Whether it is answered by drawing on a picture."""
        return self.kind in _REGIONS


@dataclass(frozen=True, slots=True)
class Shown:
    """What a label config shows: its name, its tag, and the data that it takes."""

    name: str
    tag: str
    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Questions:
    """A label config, read.

    Attributes:
        controls: what the form asks.
        beyond: what it cannot ask: the name of each, and why.
        objects: what is shown, by name.
        colours: of labels and choices, by their value.
    """

    controls: tuple[Control, ...] = ()
    beyond: tuple[tuple[str, str], ...] = ()
    objects: Mapping[str, Shown] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)

    @property
    def drawn_on(self) -> str:
        """The name of the picture that is drawn on; empty if none is."""
        return next((each.to_name for each in self.controls if each.draws), "")


@lru_cache(maxsize=256)
def read_questions(label_config: str) -> Questions:
    """What a label config asks; nothing if it cannot be read."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(label_config.encode(errors="replace"), True)  # noqa: FBT003
    except (expat.ExpatError, _Refused):
        return Questions()
    return reader.build()


class _Refused(Exception):
    """There is a document type in it, which could grow without end."""


def _refuse(*_: object) -> None:
    raise _Refused


@dataclass(slots=True)
class _Open:
    """A control while its tag is open."""

    tag: str
    attributes: Mapping[str, str]
    title: str
    options: list[Option] = field(default_factory=list)
    depth: int = 0
    is_nested: bool = False


class _Reader:
    """Notes controls and what they are about while the tags go by."""

    def __init__(self) -> None:
        self._found: list[_Open] = []
        self._open: list[_Open | None] = []
        self._objects: dict[str, Shown] = {}
        self._colours: dict[str, str] = {}
        self._header = ""

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        control = next((each for each in reversed(self._open) if each), None)
        made = None
        if tag in _OPTION_TAGS and control is not None:
            self._note_option(control, attributes)
        elif attributes.get("name") and attributes.get("toName"):
            made = _Open(tag, attributes, self._header)
            self._header = ""
            self._found.append(made)
        elif tag == "Header":
            self._header = attributes.get("value", "")
        elif name := attributes.get("name", ""):
            self._note_object(name, tag, attributes)
        if control is not None:
            control.depth += 1
        self._open.append(made)

    def end(self, _tag: str) -> None:
        self._open.pop()
        control = next((each for each in reversed(self._open) if each), None)
        if control is not None:
            control.depth -= 1

    def _note_option(self, control: _Open, attributes: Mapping[str, str]) -> None:
        text = attributes.get("value", "")
        value = attributes.get("alias") or text
        if not value:
            return
        given = attributes.get("background", "")
        colour = given if _COLOUR.fullmatch(given) else ""
        colour = colour or _PALETTE[len(control.options) % len(_PALETTE)]
        hotkey = attributes.get("hotkey", "")[:1].lower()
        control.options.append(Option(value, text or value, colour, hotkey))
        control.is_nested |= control.depth > 0
        self._colours.setdefault(value, colour)

    def _note_object(self, name: str, tag: str, attributes: Mapping[str, str]) -> None:
        given = attributes.get("value") or attributes.get("valueList") or ""
        found = _VARIABLE.match(given)
        key, text = (found[1], "") if found else ("", given)
        self._objects[name] = Shown(name, tag, key, text)

    def build(self) -> Questions:
        can, cannot = [], []
        for each in self._found:
            if reason := self._find_reason(each):
                cannot.append((f"{each.tag} {each.attributes['name']}", reason))
            else:
                can.append(_build_control(each))
        return Questions(tuple(can), tuple(cannot), self._objects, self._colours)

    def _find_reason(self, control: _Open) -> str:
        """Why the form cannot ask it; empty if it can."""
        attributes = control.attributes
        if control.tag not in _KINDS:
            return "this kind of control is not drawn here"
        if attributes.get("perRegion") == "true":
            return "it is asked for each region"
        if attributes.get("value", "").startswith("$") and control.tag != "TextArea":
            return "its options come from the task's data"
        if control.is_nested:
            return "its options are nested"
        return self._find_reason_of_regions(control)

    def _find_reason_of_regions(self, control: _Open) -> str:
        kind, about = _KINDS[control.tag], control.attributes["toName"]
        shown = self._objects.get(about)
        if kind in _REGIONS:
            if shown is None or shown.tag != "Image":
                return "it is not about one picture"
            others = (e for e in self._found if _KINDS.get(e.tag) in _REGIONS)
            if next(others) is not control:
                return "another control draws rectangles already"
        if kind == "labels" and not self._has_rectangle(about):
            return "regions of this kind are not drawn here"
        return ""

    def _has_rectangle(self, about: str) -> bool:
        return any(
            each.tag == "Rectangle" and each.attributes["toName"] == about
            for each in self._found
        )


def _build_control(control: _Open) -> Control:
    attributes, name = control.attributes, control.attributes["name"]
    stars = attributes.get("maxRating", "")
    rows = attributes.get("rows", "")
    return Control(
        name=name,
        to_name=attributes["toName"].partition(",")[0].strip(),
        tag=control.tag,
        kind=_KINDS[control.tag],
        title=control.title or name,
        options=tuple(control.options),
        is_multiple=attributes.get("choice") == "multiple",
        is_required=attributes.get("required") == "true",
        stars=min(int(stars), _MOST_STARS)
        if stars.isascii() and stars.isdigit()
        else 5,
        rows=min(int(rows), 20) if rows.isascii() and rows.isdigit() else 1,
    )

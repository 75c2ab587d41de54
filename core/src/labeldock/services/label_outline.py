"""What a label config asks for: its controls, what they are about, their labels.

In the shape that clients know as `parsed_label_config`. The meaning of a control is
left to those who draw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from xml.parsers import expat

_LABELS: Final = frozenset({"Label", "Choice", "Relation"})
_NO_CONTROLS: Final = frozenset({"Filter"})
_CONDITIONS: Final = {
    "whenTagName": "tag",
    "whenLabelValue": "label",
    "whenChoiceValue": "choice",
}
_REMEMBERED: Final = 256


@lru_cache(maxsize=_REMEMBERED)
def outline_label_config(label_config: str) -> dict[str, Any]:
    """The controls of a label config by their names; none if it cannot be read.

    What comes back is shared: it must not be changed.
    """
    outline = _Outline()
    parser = expat.ParserCreate()
    parser.StartElementHandler = outline.begin
    parser.EndElementHandler = outline.end
    # Entities that are declared could grow without end; what is saved has none.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(label_config.encode(errors="replace"), True)  # noqa: FBT003
    except (expat.ExpatError, _Refused):
        return {}
    return outline.build()


def weigh_labels(
    label_config: str, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How much each control and label counts: what was given, or else 1."""
    known = given or {}
    outline = outline_label_config(label_config)
    return {
        **known,
        **{name: _weigh(control, known.get(name)) for name, control in outline.items()},
    }


def _weigh(control: Mapping[str, Any], given: object) -> dict[str, Any]:
    known = given if isinstance(given, dict) else {}
    labels = known.get("labels")
    weights = labels if isinstance(labels, dict) else {}
    return {
        "overall": known.get("overall", 1.0),
        "type": control["type"],
        "labels": {label: weights.get(label, 1.0) for label in control["labels"]},
    }


class _Refused(Exception):
    """There is a document type in it."""


def _refuse(*_: object) -> None:
    raise _Refused


class _Outline:
    """Notes controls, objects and labels while the tags go by."""

    def __init__(self) -> None:
        self._controls: dict[str, dict[str, Any]] = {}
        self._objects: dict[str, dict[str, Any]] = {}
        self._open: list[str] = []  # the names of the tags around this one

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        if tag in _LABELS:
            self._note_label(attributes)
        if name and attributes.get("toName") and tag not in _NO_CONTROLS:
            self._controls[name] = _describe_control(tag, attributes)
        elif name and (attributes.get("value") or attributes.get("valueList")):
            self._objects[name] = _describe_object(tag, attributes)
        self._open.append(name)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def build(self) -> dict[str, Any]:
        for control in self._controls.values():
            known = (self._objects.get(name) for name in control["to_name"])
            labels = control.pop("labels_attrs")
            control["inputs"] = [each for each in known if each is not None]
            control["labels"] = list(labels)
            control["labels_attrs"] = labels
        return self._controls

    def _note_label(self, attributes: dict[str, str]) -> None:
        label = next(filter(None, map(attributes.get, _VALUES)), None)
        owners = (name for name in reversed(self._open) if name in self._controls)
        owner = next(owners, None)
        if label and owner:
            self._controls[owner]["labels_attrs"][label] = dict(attributes)


_VALUES: Final = ("alias", "value", "valueList")


def _describe_control(tag: str, attributes: dict[str, str]) -> dict[str, Any]:
    control: dict[str, Any] = {"type": tag, "to_name": attributes["toName"].split(",")}
    if attributes.get("perRegion") == "true":
        for name, kind in _CONDITIONS.items():
            if value := attributes.get(name):
                control["conditionals"] = {"type": kind, "name": value}
                break
    if attributes.get("apiUrl") or attributes.get("value", "").startswith("$"):
        control["dynamic_labels"] = True
    return {**control, "labels_attrs": {}}


def _describe_object(tag: str, attributes: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": tag, "valueType": attributes.get("valueType")}
    for name in ("value", "valueList"):
        if name in attributes:
            found[name] = attributes[name].lstrip("$")
            break
    return found

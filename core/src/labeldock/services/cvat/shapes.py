"""Shapes and tags of CVAT as regions in the result format of Label Studio.

Coordinates there are percent of the picture; a rectangle turns about its upper left
corner, which is where `x` and `y` are, and not about its centre.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from labeldock.services.cvat.documents import Given, Label, Shape, Tag
from labeldock.services.cvat.frames import Frame
from labeldock.services.cvat.masks import encode_mask

IMAGE: Final = "image"
TAG: Final = "tag"
_POINT_WIDTH: Final = 0.5  # percent

# Type of a shape -> the control that holds it, which is also what it is called there.
CONTROLS: Final[Mapping[str, str]] = {
    "rectangle": "rectangle",
    "polygon": "polygon",
    "polyline": "polyline",
    "points": "points",
    "ellipse": "ellipse",
    "mask": "mask",
}
_TYPES: Final[Mapping[str, str]] = {
    "rectangle": "rectanglelabels",
    "polygon": "polygonlabels",
    "polyline": "polygonlabels",
    "points": "keypointlabels",
    "ellipse": "ellipselabels",
    "mask": "brushlabels",
}
_CHOSEN: Final = {"select", "radio", "checkbox"}


@dataclass(slots=True)
class Losses:
    """What has no counterpart, counted by entry and what it is."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, entry: str, what: str, count: int = 1) -> None:
        """Something was left out."""
        if count:
            self.counts[entry, what] += count


@dataclass(slots=True)
class Regions:
    """Makes the regions of one annotation.

    Attributes:
        frame: the picture.
        labels: the labels by name.
        entry: where it was said, for what is left out.
        losses: what is left out.
    """

    frame: Frame
    labels: Mapping[str, Label]
    entry: str
    losses: Losses
    result: list[dict[str, Any]] = field(default_factory=list)

    def add_tag(self, tag: Tag) -> None:
        """A label of the whole picture."""
        if tag.label not in self.labels:
            self.losses.note(self.entry, f"tags with the unknown label {tag.label!r}")
            return
        self._add(TAG, "choices", {"choices": [tag.label]})
        self.losses.note(self.entry, "attributes of tags", len(tag.attributes))

    def add_shape(self, shape: Shape) -> None:
        """A shape; one of points becomes a region for each of them."""
        if shape.outside:
            return
        if shape.label not in self.labels:
            what = f"shapes with the unknown label {shape.label!r}"
            self.losses.note(self.entry, what)
            return
        build = _BUILDERS.get(shape.type)
        values = list(build(shape, self.frame)) if build else []
        if not values:
            self.losses.note(self.entry, f"shapes of the type {shape.type}")
            return
        for value in values:
            self._add_region(shape, value)
        self.losses.note(self.entry, "groups of shapes", 1 if shape.group else 0)

    def _add_region(self, shape: Shape, value: dict[str, Any]) -> None:
        kind = _TYPES[shape.type]
        region = self._add(CONTROLS[shape.type], kind, {**value, kind: [shape.label]})
        if shape.occluded:
            region["meta"] = {"text": ["occluded"]}
        known = {a.name: a for a in self.labels[shape.label].attributes}
        for given in shape.attributes:
            if given.name not in known:
                self.losses.note(self.entry, f"attributes {given.name!r} of no label")
            elif known[given.name].input_type in _CHOSEN:
                self._describe(
                    region, value, given, "choices", {"choices": [given.text]}
                )
            else:
                self._describe(region, value, given, "textarea", {"text": [given.text]})

    def _describe(
        self,
        region: dict[str, Any],
        value: dict[str, Any],
        given: Given,
        kind: str,
        said: dict[str, Any],
    ) -> None:
        """What is said of a region belongs to it by having its id."""
        added = self._add(name_attribute(given.name), kind, {**value, **said})
        added["id"] = region["id"]

    def _add(self, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        region = {
            "id": f"cvat-{self.frame.number}-{len(self.result)}",
            "from_name": control,
            "to_name": IMAGE,
            "type": kind,
            "origin": "manual",
            "original_width": self.frame.width,
            "original_height": self.frame.height,
            "image_rotation": 0,
            "value": value,
        }
        self.result.append(region)
        return region


def name_attribute(name: str) -> str:
    """What the control of an attribute is called."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return f"attribute_{plain}"


# Values


def _build_rectangle(shape: Shape, frame: Frame) -> Iterator[dict[str, Any]]:
    if len(shape.points) != 4:
        return
    left, top, right, bottom = shape.points
    turn = math.radians(shape.rotation)
    across, down = (left - right) / 2, (top - bottom) / 2
    x = (left + right) / 2 + across * math.cos(turn) - down * math.sin(turn)
    y = (top + bottom) / 2 + across * math.sin(turn) + down * math.cos(turn)
    yield {
        **_place(x, y, frame),
        "width": 100 * (right - left) / frame.width,
        "height": 100 * (bottom - top) / frame.height,
        "rotation": shape.rotation,
    }


def _build_ellipse(shape: Shape, frame: Frame) -> Iterator[dict[str, Any]]:
    if len(shape.points) != 4:
        return
    x, y, right, top = shape.points
    yield {
        **_place(x, y, frame),
        "radiusX": 100 * (right - x) / frame.width,
        "radiusY": 100 * (y - top) / frame.height,
        "rotation": shape.rotation,
    }


def _build_polygon(shape: Shape, frame: Frame) -> Iterator[dict[str, Any]]:
    points = [[*_place(x, y, frame).values()] for x, y in _pair(shape.points)]
    if points:
        yield {"points": points, "closed": shape.type == "polygon"}


def _build_points(shape: Shape, frame: Frame) -> Iterator[dict[str, Any]]:
    for x, y in _pair(shape.points):
        yield {**_place(x, y, frame), "width": _POINT_WIDTH}


def _build_mask(shape: Shape, frame: Frame) -> Iterator[dict[str, Any]]:
    runs = encode_mask(shape.points, frame.width, frame.height)
    if runs is not None:
        yield {"format": "rle", "rle": runs}


_BUILDERS: Final[Mapping[str, Callable[[Shape, Frame], Iterable[dict[str, Any]]]]] = {
    "rectangle": _build_rectangle,
    "ellipse": _build_ellipse,
    "polygon": _build_polygon,
    "polyline": _build_polygon,
    "points": _build_points,
    "mask": _build_mask,
}


def _place(x: float, y: float, frame: Frame) -> dict[str, float]:
    return {"x": 100 * x / frame.width, "y": 100 * y / frame.height}


def _pair(points: Sequence[float]) -> Iterator[tuple[float, float]]:
    return zip(points[::2], points[1::2], strict=False)

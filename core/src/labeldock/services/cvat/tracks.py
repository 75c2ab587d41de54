"""Tracks: what was followed through frames, as a shape on each of them.

CVAT keeps those shapes that somebody drew. Between two of them it shows what lies
between, which here is a shape like any other; where the two are not alike, the earlier
one stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from labeldock.services.cvat.documents import Given, Shape, Track

_MOVED: Final = {"rectangle", "ellipse", "polygon", "polyline", "points"}


def iterate_track(track: Track, stop: int) -> Iterator[Shape]:
    """The shapes of a track on each frame before `stop` where it is seen."""
    drawn = sorted(track.shapes, key=lambda shape: shape.frame)
    last = Shape(frame=stop, type="end")
    for shape, following in pairwise([*drawn, last]):
        if shape.outside:
            continue
        for frame in range(shape.frame, min(following.frame, stop)):
            yield _show(track, shape, following, frame)


def _show(track: Track, shape: Shape, following: Shape, frame: int) -> Shape:
    values = {
        "frame": frame,
        "label": track.label,
        "attributes": _merge(track.attributes, shape.attributes),
    }
    if frame > shape.frame and _is_alike(shape, following):
        part = (frame - shape.frame) / (following.frame - shape.frame)
        values["points"] = _move(shape.points, following.points, part)
        turn = following.rotation - shape.rotation
        values["rotation"] = shape.rotation + part * turn
    return shape.model_copy(update=values)


def _is_alike(shape: Shape, following: Shape) -> bool:
    is_same = shape.type == following.type and shape.type in _MOVED
    return is_same and len(shape.points) == len(following.points)


def _move(
    first: Sequence[float], second: Sequence[float], part: float
) -> tuple[float, ...]:
    return tuple(a + part * (b - a) for a, b in zip(first, second, strict=True))


def _merge(lasting: Sequence[Given], present: Sequence[Given]) -> tuple[Given, ...]:
    named = {given.name: given for given in (*lasting, *present)}
    return tuple(named.values())

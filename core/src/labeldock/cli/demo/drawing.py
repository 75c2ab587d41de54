"""Sample pictures, drawn by code: shapes and landscapes, the same on every machine."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]

WIDTH: Final = 480
HEIGHT: Final = 360
_SCALE: Final = 2  # drawn larger and made smaller, so that edges are smooth

_PALETTES: Final[Sequence[tuple[Colour, Colour, Colour]]] = (
    ((13, 59, 102), (62, 124, 177), (250, 211, 114)),
    ((68, 36, 82), (173, 83, 137), (255, 205, 178)),
    ((11, 83, 81), (78, 154, 143), (244, 241, 187)),
    ((92, 35, 24), (206, 106, 71), (255, 232, 194)),
    ((30, 40, 60), (98, 114, 164), (241, 180, 187)),
    ((35, 61, 40), (122, 158, 96), (253, 236, 186)),
)


def draw_shape(kind: str, number: int) -> Image.Image:
    """One large shape of a kind over a soft background, among faint small ones."""
    chance = random.Random(f"{kind} {number}")  # noqa: S311  pictures are no secret
    place_of_kind = sorted(SHAPES).index(kind)
    dark, middle, light = _PALETTES[(number + place_of_kind) % len(_PALETTES)]
    picture = _draw_gradient(dark, middle, chance.uniform(-25, 25))
    for _ in range(9):
        place = (chance.uniform(0, 1), chance.uniform(0, 1))
        size = chance.uniform(0.03, 0.09)
        other = chance.choice(sorted(SHAPES))
        _paint(picture, _outline(other, place, size, 0.0), middle, light, 0.35)
    place = (chance.uniform(0.36, 0.64), chance.uniform(0.42, 0.58))
    turn = chance.uniform(-0.35, 0.35)
    size = chance.uniform(0.24, 0.34)
    _cast_shadow(picture, _outline(kind, place, size, turn))
    _paint(picture, _outline(kind, place, size, turn), light, (255, 255, 255), 1.0)
    if kind == "ring":
        hole = _outline("circle", place, size * 0.55, turn)
        _paint(picture, hole, middle, middle, 1.0)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def draw_landscape(number: int) -> Image.Image:
    """Hills one behind the other, under a sun."""
    chance = random.Random(f"landscape {number}")  # noqa: S311  as above
    dark, middle, light = _PALETTES[number % len(_PALETTES)]
    picture = _draw_gradient(middle, light, 0.0)
    sun = (chance.uniform(0.2, 0.8), chance.uniform(0.18, 0.38))
    glow = _blend(light, (255, 255, 255), 0.6)
    _paint(picture, _outline("circle", sun, 0.09, 0.0), glow, glow, 1.0)
    for layer in range(4):
        share = (layer + 1) / 4
        colour = _blend(middle, dark, share)
        hill = _draw_hill(chance, 0.42 + 0.13 * layer, 0.10 - 0.015 * layer)
        _paint(picture, hill, colour, colour, 1.0)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _draw_gradient(top: Colour, bottom: Colour, angle: float) -> Image.Image:
    size = (WIDTH * _SCALE, HEIGHT * _SCALE)
    ramp = Image.linear_gradient("L").rotate(angle, Image.Resampling.BICUBIC)
    # The middle part, which a rotation leaves filled.
    mask = ramp.crop((40, 40, 216, 216)).resize(size, Image.Resampling.BICUBIC)
    above, below = (Image.new("RGB", size, colour) for colour in (top, bottom))
    return Image.composite(below, above, mask)


def _paint(
    picture: Image.Image,
    points: Sequence[Point],
    fill: Colour,
    edge: Colour,
    opacity: float,
) -> None:
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).polygon(points, fill=round(255 * opacity))
    picture.paste(Image.new("RGB", picture.size, fill), mask=mask)
    if edge != fill:
        ImageDraw.Draw(picture).line([*points, points[0]], fill=edge, width=_SCALE)


def _cast_shadow(picture: Image.Image, points: Sequence[Point]) -> None:
    mask = Image.new("L", picture.size, 0)
    moved = [(x + 6 * _SCALE, y + 9 * _SCALE) for x, y in points]
    ImageDraw.Draw(mask).polygon(moved, fill=110)
    soft = mask.filter(ImageFilter.GaussianBlur(7 * _SCALE))
    picture.paste(Image.new("RGB", picture.size, (0, 0, 0)), mask=soft)


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (
        round(a + (b - a) * share) for a, b in zip(one, other, strict=True)
    )
    return red, green, blue


def _draw_hill(chance: random.Random, height: float, swing: float) -> list[Point]:
    waves = [(chance.uniform(1, 4), chance.uniform(0, math.tau)) for _ in range(3)]
    width, depth = WIDTH * _SCALE, HEIGHT * _SCALE
    ridge = [
        (x, depth * (height + swing * _sum_waves(waves, x / width)))
        for x in range(0, width + 1, 8)
    ]
    return [*ridge, (width, depth), (0, depth)]


def _sum_waves(waves: Sequence[tuple[float, float]], place: float) -> float:
    return sum(math.sin(speed * place * math.tau / 2 + start) for speed, start in waves)


# Outlines


def _outline(kind: str, centre: Point, size: float, turn: float) -> list[Point]:
    """The corners of a shape; centre and size as shares of the picture."""
    x, y = centre[0] * WIDTH * _SCALE, centre[1] * HEIGHT * _SCALE
    radius = size * HEIGHT * _SCALE
    return [
        (
            x + radius * length * math.cos(angle + turn),
            y + radius * length * math.sin(angle + turn),
        )
        for angle, length in SHAPES[kind]()
    ]


def _list_corners(count: int, start: float) -> list[Point]:
    return [(start + math.tau * i / count, 1.0) for i in range(count)]


def _list_star() -> list[Point]:
    start = -math.pi / 2
    return [(start + math.tau * i / 10, 0.45 if i % 2 else 1.1) for i in range(10)]


SHAPES: Final[dict[str, Callable[[], list[Point]]]] = {
    "circle": lambda: _list_corners(90, 0.0),
    "hexagon": lambda: _list_corners(6, 0.0),
    "ring": lambda: _list_corners(90, 0.0),
    "square": lambda: _list_corners(4, math.pi / 4),
    "star": _list_star,
    "triangle": lambda: _list_corners(3, -math.pi / 2),
}
"""Each kind's corners as angles and distances from the centre."""

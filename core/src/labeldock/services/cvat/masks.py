"""Masks: from CVAT's runs of pixels to the runs that Label Studio's brush writes.

CVAT lists the lengths of runs, unset and set in turn, and then the left, top, right and
bottom pixel of the box that they fill. Label Studio packs four channels of each pixel
of the whole picture into a stream of bits: the number of values (32 bits), the size of
a value less one (5), four sizes of lengths less one (4 each), and then runs, each with
a bit for "one value repeated", two for the size of its length, the length less one, and
the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

_SIZES: Final = (3, 4, 8, 16)
_VALUE: Final = 8
_CHANNELS: Final = 4
_SET: Final = 255


def encode_mask(points: Sequence[float], width: int, height: int) -> list[int] | None:
    """The bytes of the stream; None if the mask is not one of this picture."""
    if len(points) < 5:  # at least one run, and the box
        return None
    *runs, left, top, right, bottom = (int(value) for value in points)
    box_width, box_height = right - left + 1, bottom - top + 1
    is_within = 0 <= left <= right < width and 0 <= top <= bottom < height
    if not is_within or min(runs) < 0 or sum(runs) != box_width * box_height:
        return None
    lengths = _spread(runs, (left, top, box_width, box_height), (width, height))
    return _pack(lengths, width * height * _CHANNELS)


def _spread(
    runs: Sequence[int], box: tuple[int, int, int, int], size: tuple[int, int]
) -> Iterator[tuple[bool, int]]:
    """Runs of the whole picture from those of a box: (is set, pixels)."""
    merged = groupby(_list_pieces(runs, box, size), key=lambda piece: piece[0])
    for is_set, pieces in merged:
        length = sum(piece[1] for piece in pieces)
        if length:
            yield is_set, length


def _list_pieces(
    runs: Sequence[int], box: tuple[int, int, int, int], size: tuple[int, int]
) -> Iterator[tuple[bool, int]]:
    left, top, box_width, box_height = box
    width, height = size
    yield False, top * width + left
    column = 0
    for index, length in enumerate(runs):
        rest = length
        while rest:
            piece = min(rest, box_width - column)
            yield bool(index % 2), piece
            column, rest = column + piece, rest - piece
            if column == box_width:  # on to the next line of the picture
                column = 0
                yield False, width - box_width
    # The last line was followed by as much as one that goes on; the rest is below.
    yield False, (height - top - box_height) * width - left


def _pack(lengths: Iterator[tuple[bool, int]], values: int) -> list[int]:
    bits = [f"{values:032b}", f"{_VALUE - 1:05b}", *(f"{s - 1:04b}" for s in _SIZES)]
    for is_set, pixels in lengths:
        left = pixels * _CHANNELS
        while left:
            length = min(left, 1 << _SIZES[-1])
            place = next(i for i, s in enumerate(_SIZES) if length <= 1 << s)
            value = _SET if is_set else 0
            bits.append(f"1{place:02b}{length - 1:0{_SIZES[place]}b}{value:08b}")
            left -= length
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[i : i + 8], 2) for i in range(0, len(stream), 8)]

"""Small pictures made of large ones, within limits that a hostile file cannot break."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from labeldock.contract.errors import InvalidInput, NotSupported, TooLarge

if TYPE_CHECKING:
    from PIL import Image

SIZES: Final = (64, 128, 256, 384, 512, 768, 1024)
"""How long the longer side may be; what is asked for is rounded up to one of these."""

THUMBNAIL_TYPE: Final = "image/webp"
MAX_BYTES: Final = 32 * 1024 * 1024
"""Largest file that is read for a thumbnail."""

_FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
_QUALITY: Final = 80
_EFFORT: Final = 2  # of 6: half the time of the default, some percent larger
_SIXTEEN_TO_EIGHT_BITS: Final = 1 / 256


def choose_size(text: str) -> int:
    """The size for what a client asks for.

    Raises:
        InvalidInput: it is no number of pixels that we make.
    """
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    for size in SIZES:
        if 0 < wanted <= size:
            return size
    raise InvalidInput(
        f"The parameter size has to be a number from 1 to {SIZES[-1]}.",
        field="size",
        remedy="Leave it out to get the picture itself.",
    )


def make_thumbnail(data: bytes, size: int, most_pixels: int) -> bytes:
    """A picture in WebP, upright, at most `size` pixels wide and high.

    Of an animation it is the first picture. Smaller pictures are not enlarged.

    Args:
        data: the file.
        size: the longer side, in pixels.
        most_pixels: what the picture may have, going by its header.

    Raises:
        NotSupported: it is no picture of a format that browsers know, or is broken.
        TooLarge: it has more pixels.
    """
    from PIL import Image  # noqa: PLC0415  many a process never makes one

    try:
        return _make(data, size, most_pixels)
    except (TooLarge, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    except Exception as error:  # its decoders raise whatever a broken file brings
        raise NotSupported("There is no thumbnail of this object.") from error


def _make(data: bytes, size: int, most_pixels: int) -> bytes:
    from PIL import Image, ImageOps  # noqa: PLC0415

    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > most_pixels:
            raise _too_large()
        image.draft("RGB", (size, size))  # a JPEG is decoded to no more than is needed
        small = _to_colours(image)
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        upright = ImageOps.exif_transpose(small)
        result = io.BytesIO()
        upright.save(
            result, "WEBP", quality=_QUALITY, method=_EFFORT, exif=b"", icc_profile=b""
        )
        return result.getvalue()


def _to_colours(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be made smaller smoothly, and saved."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * _SIXTEEN_TO_EIGHT_BITS).convert("L")
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return image.convert(wanted)


def _too_large() -> TooLarge:
    return TooLarge("The picture has too many pixels for a thumbnail.")

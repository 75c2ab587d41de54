"""Thumbnails are small, upright and still, and no file can make them expensive."""

from __future__ import annotations

import contextlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeldock.contract import InvalidInput, NotSupported, TooLarge
from labeldock.services.resolving.thumbnail_files import ThumbnailFiles, name_thumbnail
from labeldock.services.resolving.thumbnails import SIZES, choose_size, make_thumbnail

MOST = 1_000_000
BLUE, RED = (0, 0, 255), (255, 0, 0)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def make(data, size=64, most=MOST):
    image = Image.open(io.BytesIO(make_thumbnail(data, size, most)))
    image.load()
    return image


def is_near(colour, other):
    return all(abs(a - b) < 25 for a, b in zip(colour, other, strict=True))


@pytest.fixture
def flag():
    """Blue to the left, red to the right; 200 by 100."""
    image = Image.new("RGB", (200, 100), RED)
    image.paste(BLUE, (0, 0, 100, 100))
    return image


@pytest.mark.parametrize("kind", ["AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP"])
def test_a_picture_of_each_format_that_browsers_show_is_made_small(flag, kind):
    small = make(encode(flag, kind))

    assert (small.format, small.size) == ("WEBP", (64, 32))
    assert is_near(small.convert("RGB").getpixel((5, 16)), BLUE)
    assert is_near(small.convert("RGB").getpixel((60, 16)), RED)


def test_a_small_picture_is_not_enlarged(flag):
    assert make(encode(flag, "PNG"), 1024).size == (200, 100)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "blue"),
    [(1, (64, 32), (5, 16)), (3, (64, 32), (60, 16)), (6, (32, 64), (16, 5))],
)
def test_a_picture_is_upright(flag, kind, orientation, size, blue):
    exif = Image.Exif()
    exif[0x0112] = orientation

    small = make(encode(flag, kind, exif=exif))

    assert small.size == size
    assert is_near(small.convert("RGB").getpixel(blue), BLUE)
    assert not small.getexif()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_it_is_the_first_picture(kind):
    first, second = Image.new("RGB", (50, 40), RED), Image.new("RGB", (50, 40), BLUE)

    small = make(encode(first, kind, save_all=True, append_images=[second, first]))

    assert getattr(small, "n_frames", 1) == 1
    assert is_near(small.convert("RGB").getpixel((5, 5)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_of_any_mode_is_made_small(mode):
    assert make(encode(Image.new(mode, (100, 50)), "PNG")).size == (64, 32)


def test_sixteen_bits_of_grey_keep_their_brightness():
    small = make(encode(Image.new("I;16", (100, 50), 32768), "PNG"))

    assert is_near(small.convert("RGB").getpixel((5, 5)), (128, 128, 128))


def test_what_is_transparent_stays_so():
    small = make(encode(Image.new("RGBA", (100, 50), (*RED, 0)), "PNG"))

    assert small.getpixel((5, 5))[3] == 0


def test_the_colours_of_print_are_turned_into_those_of_screens():
    small = make(encode(Image.new("CMYK", (100, 50), (0, 255, 255, 0)), "JPEG"))

    assert is_near(small.convert("RGB").getpixel((5, 5)), RED)


@pytest.mark.parametrize("side", [1001, 9500, 20_000])
def test_a_picture_with_too_many_pixels_is_not_decoded(side):
    # 50 KB of PNG that would be 400 MB in memory; Pillow's own limits lie in between.
    bomb = encode(Image.new("1", (side, side)), "PNG")

    with pytest.raises(TooLarge, match="too many pixels"):
        make(bomb)


BROKEN = [
    b"",
    b"\0" * 100,
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"GIF89a",
    b"%PDF-1.7",
    b"RIFF\0\0\0\0WEBPVP8 ",
    encode(Image.new("RGB", (500, 500), RED), "JPEG")[:700],
    encode(Image.new("L", (50, 50)), "TIFF"),
    encode(Image.new("RGB", (50, 50)), "PDF"),
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_no_picture_has_no_thumbnail(data):
    with pytest.raises(NotSupported, match="no thumbnail"):
        make(data)


@given(st.data())
def test_a_damaged_picture_is_made_or_refused(data):
    kind = data.draw(st.sampled_from(["GIF", "JPEG", "PNG", "WEBP", "BMP", "AVIF"]))
    whole = bytearray(encode(Image.new("RGB", (20, 20), RED), kind))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
            st.integers(0, 255)
        )
    with contextlib.suppress(NotSupported, TooLarge):
        assert max(make(bytes(whole)).size) <= 64


# Sizes


@pytest.mark.parametrize(
    ("text", "size"), [("1", 64), ("64", 64), ("65", 128), ("200", 256), ("1024", 1024)]
)
def test_a_size_is_rounded_up_to_one_that_is_made(text, size):
    assert choose_size(text) == size
    assert size in SIZES


@pytest.mark.parametrize("text", ["", "0", "-1", "1025", "1.5", "large", "٣", "9" * 99])
def test_any_other_size_is_refused(text):
    with pytest.raises(InvalidInput, match="size"):
        choose_size(text)


# Files


@pytest.fixture
def files(tmp_path):
    return ThumbnailFiles(tmp_path / "thumbnails", 160 * 4096)


def test_a_file_is_found_again(files):
    assert files.find("a.webp") is None

    files.save("a.webp", b"data")
    files.save("none.webp", b"")

    assert files.find("a.webp") == b"data"
    assert files.find("none.webp") == b""


def test_the_folder_stays_within_its_room(files, tmp_path):
    for number in range(1000):
        files.save(f"{number}.webp", bytes(number % 8000))

    kept = list((tmp_path / "thumbnails").iterdir())
    assert 80 < len(kept) <= 160
    assert sum(max(4096, file.stat().st_size) for file in kept) <= 160 * 4096


def test_what_was_used_lately_is_kept(files, tmp_path):
    files.save("old.webp", b"old")
    files.save("used.webp", b"used")
    for name in ("old.webp", "used.webp"):
        os.utime(tmp_path / "thumbnails" / name, (1, 1))
    files.find("used.webp")

    for number in range(200):
        files.save(f"{number}.webp", bytes(4096))
        if number == 100:
            files.find("used.webp")
            os.utime(tmp_path / "thumbnails" / "used.webp")

    assert files.find("old.webp") is None
    assert files.find("used.webp") == b"used"


def test_what_an_earlier_process_left_counts_too(files, tmp_path):
    for number in range(150):
        files.save(f"{number}.webp", bytes(4096))

    later = ThumbnailFiles(tmp_path / "thumbnails", 16 * 4096)
    later.save("new.webp", b"new")

    assert len(list((tmp_path / "thumbnails").iterdir())) <= 16


def test_without_room_nothing_is_kept(tmp_path):
    files = ThumbnailFiles(tmp_path / "thumbnails", 0)

    files.save("a.webp", b"data")

    assert files.find("a.webp") is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "thumbnails").write_text("a file in its place")
    files = ThumbnailFiles(tmp_path / "thumbnails", 160 * 4096)

    files.save("a.webp", b"data")

    assert files.find("a.webp") is None


def test_another_object_has_another_name():
    names = {
        name_thumbnail(1, "x", "key", "etag", 64),
        name_thumbnail(2, "x", "key", "etag", 64),
        name_thumbnail(1, "y", "key", "etag", 64),
        name_thumbnail(1, "x", "ke", "yetag", 64),
        name_thumbnail(1, "x", "key", "etag", 128),
        name_thumbnail(1, "x", "key\ud800", "etag", 128),
    }

    assert len(names) == 6
    assert all("/" not in name for name in names)

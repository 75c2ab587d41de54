"""A small video and a small sound, written without a codec.

A lossy WebP holds one key frame of VP8, so a WebM of such frames needs no encoder but
Pillow's. It has cues, as files of real encoders have, so that a browser can seek.
"""

from __future__ import annotations

import io
import math
import struct
import wave

from PIL import Image

WIDTH, HEIGHT = 160, 120
FRAME_MS = 200


def build_video(frames):
    """A WebM in which frame `n` has the brightness `show_brightness(n, frames)`."""
    clusters = [
        _element(0x1F43B675, _number(0xE7, n * FRAME_MS) + _block(n, frames))
        for n in range(frames)
    ]
    info = _element(
        0x1549A966,
        _number(0x2AD7B1, 1_000_000)
        + _element(0x4489, struct.pack(">d", frames * FRAME_MS))
        + _element(0x4D80, b"tests")
        + _element(0x5741, b"tests"),
    )
    picture = _element(0xE0, _number(0xB0, WIDTH) + _number(0xBA, HEIGHT))
    entry = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1)
    track = _element(0xAE, entry + _element(0x86, b"V_VP8") + picture)
    head = info + _element(0x1654AE6B, track)
    start = len(head) + len(_cues([0] * frames))
    positions = [start]
    for cluster in clusters[:-1]:
        positions.append(positions[-1] + len(cluster))
    body = head + _cues(positions) + b"".join(clusters)
    return _HEADER + _element(0x18538067, body)


def show_brightness(number, frames):
    return 30 + 200 * number // frames


def build_sound(seconds, rate=44_100):
    """A WAV of 16 bits whose pitch rises."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(
            b"".join(
                struct.pack("<h", int(9000 * math.sin(n * (1 + n / rate) / 50)))
                for n in range(int(seconds * rate))
            )
        )
    return file.getvalue()


def _block(number, frames):
    """The frame: as bright as its number says, with noise at its edge for size."""
    shade = show_brightness(number, frames)
    image = Image.effect_noise((WIDTH, HEIGHT), 120)
    image.paste(shade, (WIDTH // 4, HEIGHT // 4, WIDTH * 3 // 4, HEIGHT * 3 // 4))
    file = io.BytesIO()
    image.convert("RGB").save(file, "WEBP", quality=95, method=0)
    return _element(0xA3, b"\x81\0\0\x80" + _cut_frame(file.getvalue()))


def _cut_frame(webp):
    """The VP8 frame of a simple WebP: RIFF, size, WEBP, "VP8 ", size, frame."""
    assert webp[12:16] == b"VP8 "
    (size,) = struct.unpack("<I", webp[16:20])
    return webp[20 : 20 + size]


def _cues(positions):
    points = b"".join(
        _element(
            0xBB,
            _number(0xB3, n * FRAME_MS)
            + _element(0xB7, _number(0xF7, 1) + _number(0xF1, position)),
        )
        for n, position in enumerate(positions)
    )
    return _element(0x1C53BB6B, points)


# EBML: an identifier, a length in eight bytes, the content.


def _element(identifier, content):
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8)
    return name + (len(content) | 1 << 56).to_bytes(8) + content


def _number(identifier, value):
    return _element(identifier, value.to_bytes(8))


_HEADER = _element(
    0x1A45DFA3,
    _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
    + _element(0x4282, b"webm") + _number(0x4287, 4) + _number(0x4285, 2),
)  # fmt: skip

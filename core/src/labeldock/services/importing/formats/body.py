"""The bytes of a task file: taken block by block, unpacked, and set aside.

Small ones stay in memory, the others go to a file in the temporary folder, so that a
file can be read from its start to its end, and again, without being held as a whole.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, Final

from labeldock.services.importing.formats.limits import check_ratio, check_size
from labeldock.services.importing.formats.problems import BrokenGzip, EmptyFile
from labeldock.settings import Settings

IN_MEMORY: Final = 2**20
BLOCK: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"
_WITH_GZIP_HEADER: Final = 31


@contextmanager
def set_aside(blocks: Iterable[bytes], settings: Settings) -> Iterator[IO[bytes]]:
    """A file with these bytes, unpacked if they are gzip, for the length of a block.

    That they are gzip is told by themselves, not by a name: a server that was told of
    the encoding may have unpacked `.gz` already, or send `.json` packed.

    Raises:
        EmptyFile, BrokenGzip: as they say.
        FileTooLarge, PackedTooTightly: it is more than the operator admits.
    """
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        size = 0
        for block in _unpack(blocks, settings):
            size += len(block)
            check_size(settings, size)
            file.write(block)
        if not size:
            raise EmptyFile("The file is empty.", remedy="Put at least one task in it.")
        file.seek(0)
        yield file


def _unpack(blocks: Iterable[bytes], settings: Settings) -> Iterator[bytes]:
    rest = iter(blocks)
    head = next(rest, b"")
    while len(head) < len(_GZIP) and (block := next(rest, b"")):
        head += block
    if head.startswith(_GZIP):
        yield from _Inflater(settings).inflate(chain([head], rest))
        return
    yield head
    yield from rest


class _Inflater:
    """Gzip, member after member, never more than a block of it at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken = self._given = 0

    def inflate(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        is_begun = False
        for block in blocks:
            self._taken += len(block)
            data = block
            while data := (data if is_begun else data.lstrip(b"\0")):
                is_begun = True
                yield self._inflate_once(member, data)
                data = member.unconsumed_tail
                if member.eof:  # another one may follow, or zeros up to a full block
                    data = member.unused_data
                    member, is_begun = zlib.decompressobj(_WITH_GZIP_HEADER), False
        if is_begun:
            raise BrokenGzip("The gzip file is cut off: its end is missing.")

    def _inflate_once(self, member: zlib._Decompress, data: bytes) -> bytes:
        try:
            plain = member.decompress(data, BLOCK)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise BrokenGzip(f"The gzip file is broken: {reason}.") from None
        self._given += len(plain)
        check_ratio(self._settings, self._taken, self._given)
        return plain

"""The bytes of an answer, as the contract wants them read."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from labeldock.contract import ContentRange, IntegrityError, StorageError
from labeldock_gcs.errors import READING, translate_errors

_CRC: Final = re.compile(r"crc32c=([A-Za-z0-9+/]{6}==)")


class BodyReader:
    """The body of an answer; errors on the way are those of the contract.

    A whole object is compared with the checksum that the server announced.
    """

    def __init__(
        self, answer: Any, key: str, part: ContentRange | None, size: int
    ) -> None:
        self._raw = answer.raw
        self._key = key
        self._missing = part.length if part else size
        self._is_closed = False
        headers = answer.headers
        packed = headers.get("Content-Encoding", "identity")
        stored = headers.get("X-Goog-Stored-Content-Encoding", packed)
        # Google may pack what was stored as it is; what was stored packed stays so.
        self._is_packed_on_the_way = stored == "identity" != packed
        announced = None if part else _CRC.search(headers.get("X-Goog-Hash", ""))
        self._announced = announced[1] if announced else None
        self._checksum = _build_checksum() if announced else None

    def read(self, size: int, /) -> bytes:
        try:
            with translate_errors(READING, self._key):
                block = self._read(None if size < 0 else size)
        except StorageError:
            raise
        except Exception as error:
            # Closed from another thread, a connection breaks in many ways.
            if not self._is_closed:
                raise
            raise IntegrityError("The body was closed.", key=self._key) from error
        self._count(block, size)
        return block

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._raw.length_remaining == 0:
            self._raw.drain_conn()  # of nothing: the connection can be used again
            return
        self._interrupt()
        self._raw.close()

    def _read(self, size: int | None) -> bytes:
        block: bytes = self._raw.read(size, decode_content=self._is_packed_on_the_way)
        return block

    def _count(self, block: bytes, size: int) -> None:
        self._missing -= len(block)
        if self._checksum is not None:
            self._checksum.update(block)
        if not block and size and self._missing:
            raise IntegrityError("The body ended early.", key=self._key)
        if not self._missing and block:
            self._compare()

    def _compare(self) -> None:
        if self._checksum is None:
            return
        found = base64.b64encode(self._checksum.digest()).decode()
        if found != self._announced:
            raise IntegrityError("The bytes were damaged on the way.", key=self._key)

    def _interrupt(self) -> None:
        """Wake a thread that waits for bytes: closing alone would wait for it."""
        try:
            self._raw.shutdown()
        except (OSError, RuntimeError, ValueError):
            # It has ended already, and there is nobody to wake.
            return


def _build_checksum() -> Any:
    """A running CRC32C; None where only the slow implementation in Python is there."""
    import google_crc32c  # noqa: PLC0415  a part of the SDK

    return google_crc32c.Checksum() if google_crc32c.implementation == "c" else None

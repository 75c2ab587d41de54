"""A text that is read piece by piece, and where one is in it."""

from __future__ import annotations

import codecs
import io
import re
from typing import IO, Final

from labeldock.services.importing.formats.limits import check_length
from labeldock.services.importing.formats.problems import NOWHERE, NotUtf8, Place
from labeldock.settings import Settings

_CHUNK: Final = 256 * 1024
_BLANK: Final = re.compile(r"[ \t\n]*")
_ENCODING: Final = "utf-8-sig"


class TextFile:
    """A window on a UTF-8 file, moved on and widened as needed.

    Lines end in LF, CR or both; whatever they end in is a LF here.

    Attributes:
        buffer: what is in sight.
        position: in the buffer, of what was not taken yet.
    """

    def __init__(self, file: IO[bytes], settings: Settings) -> None:
        self._file, self._settings = file, settings
        decoder = codecs.getincrementaldecoder(_ENCODING)()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._is_read = False
        self._lines_behind = 0
        self.buffer, self.position = "", 0

    @property
    def line(self) -> int:
        """The number of the line at the position, from 1."""
        return 1 + self._lines_behind + self.buffer.count("\n", 0, self.position)

    def peek(self) -> str:
        """The next character; "" at the end."""
        while self.position == len(self.buffer):
            if not self.read_more():
                return ""
        return self.buffer[self.position]

    def take(self) -> str:
        """The next character, which is then behind us; "" at the end."""
        found = self.peek()
        self.position += len(found)
        return found

    def skip_blank(self) -> None:
        """Go to what is no blank."""
        while True:
            found = _BLANK.match(self.buffer, self.position)
            assert found is not None
            self.position = found.end()
            if self.position < len(self.buffer) or not self.read_more():
                return

    def peek_line(self, place: Place = NOWHERE) -> str:
        """What is left of the present line, without its end."""
        end = self._find_end(place)  # first, since it may move the window
        return self.buffer[self.position : end]

    def take_line(self) -> None:
        """Go to the end of the present line."""
        self.position = self._find_end(NOWHERE)

    def _find_end(self, place: Place) -> int:
        while (end := self.buffer.find("\n", self.position)) < 0:
            if not self.read_more(place):
                return len(self.buffer)
        return end

    def read_more(self, place: Place = NOWHERE) -> bool:
        """Widen the window, to twice what is left in it; False at the end.

        Raises:
            TaskTooLong: what is left is more than one task may have.
            NotUtf8: what follows is not.
        """
        left = self.buffer[self.position :]
        check_length(self._settings, len(left), place)
        while not self._is_read:
            block = self._file.read(max(_CHUNK, len(left)))
            self._is_read = not block
            more = self._decode(block)
            if more:
                self._lines_behind += self.buffer.count("\n", 0, self.position)
                self.buffer, self.position = left + more, 0
                return True
        return False

    def _decode(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = 1 + self._lines_behind + self.buffer.count("\n")
            line += block.count(b"\n", 0, error.start)
            raise NotUtf8(f"The file is not UTF-8: see line {line}.") from None

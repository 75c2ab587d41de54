"""uvicorn's fast HTTP protocol, with a bound on the head of a request.

The parser itself has none: a client that never ends its headers would fill the memory.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024


class BoundedHttp(HttpToolsProtocol):
    """Answers 400, and closes, when a head does not end in time.

    A head that comes in one piece may be as long as the piece.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """As uvicorn does."""
        super().__init__(*arguments, **more)
        self._is_in_head = True
        self._unfinished = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, and see how much head that makes."""
        self._unfinished += len(data)  # the end of a request in it sets this back
        super().data_received(data)
        is_too_large = self._is_in_head and self._unfinished > MAX_HEAD_BYTES
        if is_too_large and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """The head has ended; what follows is a body, which has a bound of its own."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Another head may follow."""
        super().on_message_complete()
        self._is_in_head = True
        self._unfinished = 0

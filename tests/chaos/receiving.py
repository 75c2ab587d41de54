"""A receiver of webhooks that refuses, hangs and hangs up, and checks what it gets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOODS = {"takes": 79, "refuses": 10, "hangs up": 5, "hangs up late": 5, "hangs": 1}
"""What it does with a message, and how often of a hundred."""

PATIENCE = 3
"""How often it treats one message badly."""

_AT_ONCE = struct.pack("ii", 1, 0)  # closing sends a reset, not an orderly end


@dataclass
class MoodyReceiver:
    """What came in.

    Attributes:
        rng: where its moods come from.
        hang: seconds after which a sender has given up.
        url: where it is.
        secret: what messages are signed with.
        moods: how often it did what.
        messages: the documents that came under each id, however often.
        forged: messages that were not signed as they should be.
    """

    rng: random.Random
    hang: float
    url: str = ""
    secret: str = ""
    moods: Counter[str] = field(default_factory=Counter)
    messages: dict[str, list[Any]] = field(default_factory=dict)
    forged: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _failures: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, message_id: str) -> str:
        """How it will treat a message this time."""
        with self._lock:
            mood = self.rng.choices([*MOODS], [*MOODS.values()])[0]
            if self._failures[message_id] >= PATIENCE:
                mood = "takes"
            self._failures[message_id] += mood != "takes"
            self.moods[mood] += 1
        return mood

    def note(self, headers: dict[str, str], body: bytes) -> None:
        """Take a message that has come in whole."""
        with self._lock:
            if not self._is_genuine(headers, body):
                self.forged.append(headers)
                return
            documents = self.messages.setdefault(headers["webhook-id"], [])
            documents.append(json.loads(body))

    def _is_genuine(self, headers: dict[str, str], body: bytes) -> bool:
        """As it says in docs/how-to/webhooks.md."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        head = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
        digest = hmac.digest(key, head.encode() + body, hashlib.sha256)
        expected = f"v1,{base64.b64encode(digest).decode()}"
        return hmac.compare_digest(expected, headers["webhook-signature"])


@contextmanager
def run_moody_receiver(rng: random.Random, hang: float) -> Iterator[MoodyReceiver]:
    """A receiver on a free port of this machine."""
    receiver = MoodyReceiver(rng, hang)
    with _Server(("127.0.0.1", 0), _build_handler(receiver)) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.ended.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined when the server is closed

    def handle_error(self, *_: Any) -> None:
        """Senders that are killed hang up; that is the subject here."""

    def shutdown_request(self, request: Any) -> None:  # as in the base class
        """Close it alone: an orderly end before would make a reset impossible."""
        self.close_request(request)


def _build_handler(receiver: MoodyReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a sender that was stopped does not hold the end of the test up

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            mood = receiver.choose(headers["webhook-id"])
            if mood == "hangs up":
                self._hang_up()
                return
            length = int(headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed meanwhile
                return
            receiver.note(headers, body)
            if mood == "hangs up late":
                self._hang_up()
                return
            if mood == "hangs":
                receiver.ended.wait(receiver.hang)
            self.send_response(503 if mood == "refuses" else 200)
            self.end_headers()

        def _hang_up(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

        def log_message(self, *_: Any) -> None:
            """Silence."""

    return Handler

"""Who a machine is: an instance's metadata service, as boto3 asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ROLES = "/latest/meta-data/iam/security-credentials/"


@dataclass
class Metadata:
    """What the service answers.

    Attributes:
        key_id: of the instance's role.
        life: how long its credentials are valid.
        asked: the paths that were asked for.
    """

    key_id: str = "ASIAINSTANCE00000000"
    life: timedelta = timedelta(hours=6)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def find(self, path: str) -> str | None:
        """The text at a path."""
        self.asked.append(path)
        if path == ROLES:
            return "labels-role"
        if path == f"{ROLES}labels-role":
            return json.dumps(self._build_credentials())
        return None

    def _build_credentials(self) -> dict[str, str]:
        return {
            "Code": "Success",
            "AccessKeyId": self.key_id,
            "SecretAccessKey": "the-instance-secret",
            "Token": "the-instance-token",
            "Expiration": f"{datetime.now(UTC) + self.life:%Y-%m-%dT%H:%M:%SZ}",
        }


@contextmanager
def serve_metadata() -> Iterator[Metadata]:
    """The service on a free port."""
    metadata = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.answer(200, "a-session-token")

        def do_GET(self) -> None:
            text = metadata.find(self.path)
            self.answer(200 if text else 404, text or "")

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        metadata.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield metadata
        finally:
            server.shutdown()

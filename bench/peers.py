"""Label Studio, to be measured beside us: installed apart, asked by HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.report import Report
from tests.compat.peer import COMMAND, VERSION, is_installed, run_peer

NAME = f"Label Studio {VERSION}"
LABELS = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img">'
    '<Choice value="gull"/><Choice value="crow"/></Choices></View>'
)
_LIMIT = 600.0  # seconds for one request: a sync is one


@dataclass(frozen=True, slots=True)
class Peer:
    """Where it is, and who may ask it."""

    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Of somebody who may do everything."""
        return {"Authorization": f"Token {self.token}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer.

        Raises:
            OSError: it is an error.
        """
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={**self.headers, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=_LIMIT) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def create_project(self) -> int:
        """The number of a new project."""
        body = {"title": "Measured", "label_config": LABELS}
        return int(self.ask("POST", "/api/projects/", body)["id"])

    def connect_bucket(self, values: Mapping[str, Any]) -> int:
        """The number of a new S3 storage of a new project."""
        body = {"project": self.create_project(), **values}
        return int(self.ask("POST", "/api/storages/s3/", body)["id"])

    def sync(self, storage_id: int) -> int:
        """How many tasks a sync made; it answers when it is done.

        Raises:
            RuntimeError: it failed.
        """
        path = f"/api/storages/s3/{storage_id}/sync"
        storage = self.ask("POST", path)
        if storage["status"] != "completed":
            raise RuntimeError(f"{NAME}: {storage['status']} {storage['traceback']}")
        return int(storage["last_sync_count"])


@contextmanager
def started_peer(report: Report) -> Iterator[Peer | None]:
    """Label Studio, started; None, and a line that says how to have it, without it."""
    if not is_installed():
        report.console.print(
            f"  beside {NAME}: not installed: {COMMAND}", style="yellow"
        )
        yield None
        return
    with run_peer() as peer:
        yield Peer(peer.url, peer.token)

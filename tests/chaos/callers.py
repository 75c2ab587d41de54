"""Somebody who looks, asks for syncs and labels, whatever happens to the service."""

from __future__ import annotations

import http.client
import json
import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PAUSE = 0.02
_BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API is, and who asks."""

    url: str
    token: str
    project_id: int

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer.

        Raises:
            OSError, HTTPException: there was none, or it tells of an error.
        """
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Token {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


class Caller(threading.Thread):
    """Calls the API without a pause worth mentioning, until told to stop.

    Attributes:
        outcomes: how many requests were answered, refused with a status of the 500s,
            broken off, and refused with another status, which must not be.
        saved: the numbers of the annotations that were answered.
        tried: how many annotations were sent.
    """

    def __init__(
        self,
        address: Address,
        storages: Sequence[str],
        tasks: Sequence[int],
        rng: random.Random,
    ) -> None:
        super().__init__(name="caller", daemon=True)
        self._address, self._rng = address, rng
        self._storages, self._tasks = storages, tasks
        self._ended = threading.Event()
        self.outcomes = Counter[str]()
        self.saved: list[int] = []
        self.tried = 0

    def run(self) -> None:
        while not self._ended.wait(PAUSE):
            for act in (self._look_and_sync, self._label, self._change):
                self._try(act)

    def stop(self) -> None:
        """End, and wait for the request under way."""
        self._ended.set()
        self.join()

    def _try(self, act: Any) -> None:
        try:
            act()
        except urllib.error.HTTPError as error:
            error.close()
            self.outcomes["refused" if error.code >= 500 else "wrong"] += 1
        except _BROKEN:
            self.outcomes["broken"] += 1
        else:
            self.outcomes["answered"] += 1

    def _look_and_sync(self) -> None:
        folder = f"/api/storages/{self._rng.choice(self._storages)}"
        found = self._address.call(
            "GET", f"{folder}?project={self._address.project_id}"
        )
        for storage in found:
            if storage["status"] not in {"queued", "in_progress"}:
                self._address.call("POST", f"{folder}/{storage['id']}/sync")

    def _label(self) -> None:
        self.tried += 1
        path = f"/api/tasks/{self._rng.choice(self._tasks)}/annotations/"
        body = {"result": [{"value": self._rng.random()}]}
        self.saved.append(self._address.call("POST", path, body)["id"])

    def _change(self) -> None:
        """Change what was saved before, now and then."""
        if self.saved and self._rng.random() < 0.3:
            path = f"/api/annotations/{self._rng.choice(self.saved)}/"
            body = {"result": [{"value": self._rng.random()}]}
            self._address.call("PATCH", path, body)

"""A bucket's notifications as they come in life: late, twice, and in any order."""

from __future__ import annotations

import http.client
import json
import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

from labeldock.services.events import inlets
from tests.chaos.scene import Scene

PAUSE = 0.02
AT_ONCE = 5
TIMES = (1, 1, 2, 3)
"""How often a key may be named."""

_BROKEN = (OSError, http.client.HTTPException)


class Notifier(threading.Thread):
    """Sends what it is told, and sends it again until it was answered.

    Attributes:
        outcomes: how many notifications were answered, refused with a status of the
            500s, broken off, and refused with another status, which must not be; how
            many named a key once more, and how many named it after a later one.
        named: the keys of each storage that were named in an answered one.
    """

    def __init__(self, scene: Scene, url: str, rng: random.Random) -> None:
        super().__init__(name="notifier", daemon=True)
        self._scene, self._url, self._rng = scene, url, rng
        self._addresses: dict[int, str] = {}
        self._waiting: list[tuple[int, str, int]] = []
        self._latest = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.outcomes = Counter[str]()
        self.named: dict[int, set[str]] = {}

    def watch(self, storage_id: int) -> None:
        """Send notifications of this storage's objects, too."""
        token = inlets.open_inlet(self._scene.app, self._scene.owner, storage_id)
        self._addresses[storage_id] = f"/api/events/{storage_id}?token={token}"
        self.named[storage_id] = set()

    def tell(self, storage_id: int, keys: Iterable[str]) -> None:
        """Name these keys in the course of time, each one to three times."""
        with self._lock:
            for key in sorted(keys):
                self._latest += 1
                times = self._rng.choice(TIMES)
                self.outcomes["repeated"] += times - 1
                self._waiting += [(storage_id, key, self._latest)] * times
            self._rng.shuffle(self._waiting)

    def run(self) -> None:
        latest = 0
        while not self._ended.wait(PAUSE):
            storage_id, batch = self._take()
            if batch and self._send(storage_id, [key for key, _ in batch]):
                self.named[storage_id].update(key for key, _ in batch)
                self.outcomes["overtaken"] += sum(n < latest for _, n in batch)
                latest = max(latest, *(n for _, n in batch))
            elif batch:
                with self._lock:
                    self._waiting += [(storage_id, *each) for each in batch]

    @property
    def is_done(self) -> bool:
        """Whether all that it was told has been answered."""
        with self._lock:
            return not self._waiting

    def stop(self) -> None:
        """End, and wait for the request under way."""
        self._ended.set()
        self.join()

    def _take(self) -> tuple[int, list[tuple[str, int]]]:
        with self._lock:
            if not self._waiting:
                return 0, []
            storage_id = self._waiting[0][0]
            mine = [each for each in self._waiting if each[0] == storage_id]
            taken = mine[: self._rng.randint(1, AT_ONCE)]
            for each in taken:
                self._waiting.remove(each)
        return storage_id, [(key, number) for _, key, number in taken]

    def _send(self, storage_id: int, keys: list[str]) -> bool:
        request = urllib.request.Request(
            self._url + self._addresses[storage_id],
            method="POST",
            data=json.dumps(self._describe(keys)).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            self.outcomes["refused" if error.code >= 500 else "wrong"] += 1
            return False
        except _BROKEN:
            self.outcomes["broken"] += 1
            return False
        self.outcomes["answered"] += 1
        return True

    def _describe(self, keys: list[str]) -> dict[str, Any]:
        """In one form or another; what they say has happened is not always true."""
        if self._rng.random() < 0.5:
            return {"keys": keys}
        names = ("ObjectCreated:Put", "ObjectRemoved:Delete")
        return {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventName": self._rng.choice(names),
                    "s3": {"object": {"key": quote_plus(key)}},
                }
                for key in keys
            ]
        }

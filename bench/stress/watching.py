"""What processes take, as Linux counts it, and what the database and Redis hold."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import psycopg
import redis

TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """What some processes have taken.

    Attributes:
        cpu: seconds that they worked, since they began.
        memory: bytes that they have for themselves.
        files: open file descriptors.
        threads: of all of them.
    """

    cpu: float
    memory: int
    files: int
    threads: int


def look_at(pids: Iterable[int]) -> Look:
    """What they have taken together; one that has ended counts nothing."""
    looks = [look for pid in pids if (look := _look_at_one(pid)) is not None]
    return Look(
        sum(look.cpu for look in looks),
        sum(look.memory for look in looks),
        sum(look.files for look in looks),
        sum(look.threads for look in looks),
    )


def _look_at_one(pid: int) -> Look | None:
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        lines = (folder / "smaps_rollup").read_text().splitlines()
        files = sum(1 for _ in (folder / "fd").iterdir())
    except OSError:
        return None
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    private = (line.split()[1] for line in lines if line.startswith("Private_"))
    return Look(cpu, 1024 * sum(map(int, private)), files, int(fields[17]))


@dataclass(frozen=True, slots=True)
class Stores:
    """What the database and Redis hold: bytes, and messages in queues."""

    database: int
    redis: int
    queued: int


def look_at_stores(database_url: str, redis_url: str) -> Stores:
    """Ask both."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())")
        size = (found.fetchone() or (0,))[0]
    with redis.Redis.from_url(redis_url) as client:
        memory = cast("dict[str, Any]", client.info("memory"))["used_memory"]
        return Stores(size, memory, _count_messages(client))


def _count_messages(client: redis.Redis) -> int:
    """Of all queues; what is delayed has queues of its own."""
    lists = [k for k in client.scan_iter("labeldock:*") if client.type(k) == b"list"]
    return sum(client.llen(key) for key in lists)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything, so many seconds after the beginning."""

    seconds: float
    processes: Mapping[str, Look]
    stores: Stores


@dataclass
class Watcher:
    """Looks again and again, in a thread of its own."""

    look: Callable[[float], Sample]
    every: float
    samples: list[Sample] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        assert self._thread is not None
        self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.is_set():
            try:
                self.samples.append(self.look(time.monotonic() - began))
            except (psycopg.Error, redis.RedisError) as error:
                self.failures.append(error)
            self._ended.wait(self.every)

"""Reading: what happens while a body is being read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from labeldock.contract import LabeldockError, ReadRequest, StorageError
from labeldock.testing.bench import Bench
from labeldock.testing.connection import BLOCK
from labeldock.testing.proxy import Stall
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

DESCRIPTORS = Path("/proc/self/fd")
ROUNDS = 40
SIZE = 4 * 2**20


class StreamSuite(Suite):
    """Bodies that are closed early, from elsewhere, or overwritten meanwhile."""

    @scenario("R5")
    def test_r5_closed_early(self, bench: Bench) -> None:
        """A body that is closed early gives its connection back."""
        if not DESCRIPTORS.exists():
            raise NotApplicable("this system does not tell its open files")
        bench.put("large.bin", bytes(SIZE))
        _read_a_little(bench)
        before = _count_files()

        for _ in range(ROUNDS):
            _read_a_little(bench)

        assert _count_files() < before + ROUNDS / 4

    @scenario("R8")
    def test_r8_overwritten(self, bench: Bench) -> None:
        """An object overwritten meanwhile is read old, new, or with an error."""
        old, new = b"o" * SIZE, b"n" * (SIZE + 1)
        bench.put("large.bin", old)
        body = bench.open(ReadRequest("large.bin"))
        data = body.reader.read(BLOCK)
        bench.put("large.bin", new)

        try:
            data += b"".join(iter(lambda: body.reader.read(BLOCK), b""))
        except StorageError:
            return
        finally:
            body.reader.close()

        assert len(data) == body.info.size
        assert data in {old, new}

    @scenario("R13")
    def test_r13_closed_twice(self, bench: Bench) -> None:
        """A body can be closed twice, in the middle, and from another thread."""
        bench.put("large.bin", bytes(SIZE))
        body = bench.open(ReadRequest("large.bin"))
        body.reader.read(10)

        closer = threading.Thread(target=body.reader.close)
        closer.start()
        closer.join(10)
        body.reader.close()

        assert not closer.is_alive()
        assert len(bench.read("large.bin")) == SIZE

    @scenario("R16")
    def test_r16_closed_while_blocked(self, bench: Bench) -> None:
        """Closing a body from another thread ends a read that is blocked."""
        bench.put("large.bin", bytes(SIZE))
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Stall(after=SIZE // 2), method="GET")
            body = connection.open(ReadRequest("large.bin"))
            reading = _Reading(body.reader.read)
            reading.start()
            time.sleep(0.3)
            start = time.monotonic()
            body.reader.close()
            reading.join(bench.rig.patience)
            elapsed = time.monotonic() - start
            has_ended = not reading.is_alive()

        assert has_ended
        assert elapsed < bench.rig.patience, f"it took {elapsed:.1f} s"
        assert reading.count < SIZE
        assert reading.error is None or isinstance(reading.error, LabeldockError)


def _count_files() -> int:
    return sum(1 for _ in DESCRIPTORS.iterdir())


def _read_a_little(bench: Bench) -> None:
    body = bench.open(ReadRequest("large.bin"))
    assert body.reader.read(10) == bytes(10)
    body.reader.close()


class _Reading(threading.Thread):
    """Reads to the end, and keeps what came of it."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__(daemon=True)
        self._read = read
        self.count = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while block := self._read(BLOCK):
                self.count += len(block)
        except Exception as error:  # noqa: BLE001  looked at by the scenario
            self.error = error

"""What media requests share: a limit that nobody queues for, and observers."""

from __future__ import annotations

import asyncio
import threading

import pytest

from labeldock.contract import MediaServed, hookimpl
from labeldock.testing.plugins import build_catalog
from labeldock.web.media import engine as engines
from labeldock.web.media.engine import MediaEngine, StreamLimiter

EVENT = MediaServed(1, "k", None, None, "stream", 7)


def test_a_place_is_given_back_whatever_happens():
    limiter = StreamLimiter(1)

    with pytest.raises(LookupError, match="lost"), limiter.slot():
        raise LookupError("lost")

    with limiter.slot() as first, limiter.slot() as second:
        assert (first, second, limiter.open) == (True, False, 1)
    assert limiter.open == 0


class SlowObserver:
    def __init__(self):
        self.release = threading.Event()
        self.count = 0

    @hookimpl
    def after_media_served(self):
        self.release.wait(10)
        self.count += 1


@pytest.fixture
def observer():
    return SlowObserver()


@pytest.fixture
def catalog(memory, observer):
    return build_catalog(memory, plugins={"observer": observer})


def test_nobody_waits_for_a_slow_observer(app, observer, monkeypatch):
    monkeypatch.setattr(engines, "_MOST_ANNOUNCEMENTS", 3)

    async def work():
        engine = MediaEngine(app)
        for _ in range(5):  # those beyond the bound are dropped
            await engine.announce(EVENT)
        waiting = list(engine._announcing)
        observer.release.set()
        await asyncio.wait(waiting, timeout=10)

    asyncio.run(work())

    assert observer.count == 3

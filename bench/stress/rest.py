"""When the load is over: wait until nothing is under way, and see what is left."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.request import Request, urlopen

from sqlalchemy.exc import DBAPIError

from bench.stress.ground import METRICS_TOKEN, Ground
from labeldock.services.backlog import read_backlog

PATIENCE = 180.0
_LEFT = {
    "runs under way": "SELECT count(*) FROM run "
    "WHERE state IN ('queued', 'in_progress', 'lost')",
    "leases of runs": "SELECT count(*) FROM run WHERE lease_owner <> ''",
    "parts of runs": "SELECT count(*) FROM part",
    "deliveries that wait": "SELECT count(*) FROM outbox "
    "WHERE delivered_version < wanted_version",
    "leases of deliveries": "SELECT count(*) FROM outbox "
    "WHERE lease_expires_at IS NOT NULL AND delivered_version < wanted_version",
}
_OLDEST_RUN = (
    "SELECT min(queued_at) AS oldest FROM run "
    "WHERE state IN ('queued', 'in_progress', 'lost')"
)
_STREAMS = re.compile(r"^labeldock_media_streams(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def count_left(ground: Ground) -> dict[str, int]:
    """What is under way or held."""
    left = {name: int(ground.read(query)[0][0]) for name, query in _LEFT.items()}
    left["messages in Redis"] = ground.look_at_stores().queued
    left["media streams"] = count_streams(ground)
    return left


def count_streams(ground: Ground) -> int:
    """Media streams that the web processes say are open."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    request = Request(f"{ground.house.url}/metrics", headers=headers)
    with urlopen(request, timeout=20) as answer:
        found = _STREAMS.findall(answer.read().decode())
    return int(sum(map(float, found)))


def count_waiting(ground: Ground) -> int:
    """Work that is due and that nobody does."""
    return sum(queue.depth for queue in read_backlog(ground.installation.app).queues)


def come_to_rest(
    ground: Ground, patience: float = PATIENCE
) -> tuple[float, Mapping[str, int]]:
    """Wait until nothing is left; the seconds that it took, and what is left then."""
    began = time.monotonic()
    while True:
        left = count_left(ground)
        seconds = time.monotonic() - began
        if not any(left.values()) or seconds > patience:
            return seconds, left
        ground.house.tend()
        time.sleep(0.2)


def is_kept_up(ground: Ground, oldest: float) -> bool:
    """Whether no work is older than so many seconds, be it in somebody's hands or not.

    Who was killed still holds what they had, until their lease runs out.
    """
    now = datetime.now(UTC)
    try:
        backlog = read_backlog(ground.installation.app)
        runs = ground.read(_OLDEST_RUN)[0].oldest
    except DBAPIError:
        return False
    is_old = runs is not None and (now - runs).total_seconds() > oldest
    return not is_old and all(queue.age < oldest for queue in backlog.queues)

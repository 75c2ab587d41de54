"""Messages that another version has queued: they run, and never end a worker.

`messages/` holds the text of messages as each shape of them was queued; a file there is
never changed, and a new shape adds one.
"""

from __future__ import annotations

import time
from pathlib import Path

import dramatiq
import pytest

from labeldock.jobs.actors import RUN_KINDS
from tests.core.concurrency import wait_until
from tests.system.worker_places import NO_POLL, House, has_ended

SHAPES = sorted((Path(__file__).parent / "messages").glob("*.jsonl"))
BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture(params=["embedded", "hosted"])
def house(request, tmp_path):
    urls = ("", "")
    if request.param == "hosted":
        urls = tuple(map(request.getfixturevalue, ("postgres_url", "redis_url")))
    with House(tmp_path / "home", *urls) as house:
        house.bucket.put_all({f"{n:02}": "x" for n in range(6)})
        yield house


def read_messages(path):
    """The messages of a file, as if they were queued just now: old ones are dropped."""
    now = int(time.time() * 1000)
    for line in path.read_bytes().splitlines():
        yield dramatiq.Message.decode(line).copy(message_timestamp=now)


def start(house):
    """A worker that does nothing unless a message asks for it, and a run for it."""
    app, broker = house.open_with_broker(**NO_POLL)
    worker = house.work(app, broker)
    place = house.settle(house.open())  # which rings nobody
    run_id = place.request(place.add(**BLOBS))
    assert run_id == 1  # which the messages name
    return place, broker, worker


@pytest.mark.parametrize("path", SHAPES, ids=[path.stem for path in SHAPES])
def test_a_message_of_every_earlier_shape_is_understood(house, path):
    place, broker, worker = start(house)

    messages = list(read_messages(path))
    for message in messages:
        broker.enqueue(message)
    wait_until(has_ended(place, 1))

    assert place.run(1).state == "completed"
    known = {(a.queue_name, a.actor_name) for a in worker.actors.runs.values()}
    known.add((worker.actors.deliver.queue_name, worker.actors.deliver.actor_name))
    assert {(m.queue_name, m.actor_name) for m in messages} <= known


def test_every_kind_of_work_has_a_message_of_its_present_shape():
    names = {message.actor_name for message in read_messages(SHAPES[-1])}

    assert names == {f"{kind}_run" for kind in RUN_KINDS} | {"deliver"}


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((1, "later", {"more": 1}), {"priority": 3}),
        ((1,), {"run": 7, "shape": 2}),
    ],
    ids=["more", "named"],
)
def test_what_a_newer_version_adds_is_passed_over(house, args, named):
    place, broker, _ = start(house)

    broker.enqueue(dramatiq.Message("import", "import_run", args, named, {}))
    wait_until(has_ended(place, 1))

    assert place.run(1).state == "completed"


def test_a_message_that_cannot_be_understood_ends_nobody(house):
    place, broker, _ = start(house)
    ours = "import_run"
    for args, actor in (((), ours), (("x",), ours), ((1,), "gone"), ((1,), ours)):
        broker.enqueue(dramatiq.Message("import", actor, args, {}, {}))
    wait_until(has_ended(place, 1))

    assert place.run(1).state == "completed"

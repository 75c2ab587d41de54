"""All that can go away goes away, again and again; nothing is lost or doubled.

Meanwhile notifications of the buckets come late, twice and in any order, and a receiver
of webhooks refuses, hangs and hangs up.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg

from labeldock.contract.values import Purpose
from labeldock.services.tasks import create_task
from labeldock.services.tokens import TokenWish, create_key
from labeldock.services.webhooks import registry
from tests.chaos.buckets import ChaosBucket
from tests.chaos.callers import Address, Caller
from tests.chaos.files import make_media
from tests.chaos.notifying import Notifier
from tests.chaos.receiving import MoodyReceiver, run_moody_receiver
from tests.chaos.scene import Scene, opened_scene, wait_until
from tests.chaos.storm import Storm, build_embedded, build_hosted
from tests.chaos.test_delivery_kills import let_leases_expire, read_database
from tests.chaos.truth import assert_counters_are_right
from tests.chaos.workers import hired_crew
from tests.servers.process import free_port

TIMES = {
    "storage_in_progress_timer": 0.15,
    "slice_pages": 8,
    "partitioning": "always",
    "part_size": 10,
    "egress_private": True,  # the bucket is on this machine
    "event_delay": 0.05,
    "webhook_timeout": 0.3,
}
LABELLED = 12
ENDED = {"completed", "completed_with_errors", "failed", "cancelled"}


@dataclass
class Work:
    """What is to be imported, and the numbers of the storages."""

    scene: Scene
    bucket: ChaosBucket
    notifier: Notifier
    receiver: MoodyReceiver
    media: int = 0
    files: int = 0
    keys: set[str] = field(default_factory=set)

    def feed(self):
        """Some more to do, so that there is always something."""
        folder = self.scene.folder / "media"
        made = make_media(folder, 60, first=len(self.keys))
        files = self.bucket.add_task_files(6)
        self.keys |= made
        if self.files:  # there are storages to tell of it
            self.notifier.tell(self.media, made)
            self.notifier.tell(self.files, files)


def test_a_hosted_installation_survives_a_storm(
    tmp_path, own_postgres, own_redis, moto_url, wire, rng, tally, is_thorough
):
    empty(own_postgres)
    urls = {"database_url": own_postgres.url, "broker_url": own_redis.url}
    with raised_storm(tmp_path, moto_url, wire, rng, tally, **urls) as (storm, work):
        kinds = build_hosted(storm, own_postgres, own_redis)

        storm.rage(kinds, 5 if is_thorough else 2, work.feed)

        come_to_rest(storm, work)
        assert_nothing_is_lost_or_doubled(storm, work)
        assert set(tally.kinds) == set(kinds)


def test_an_installation_in_one_process_survives_a_storm(
    tmp_path, moto_url, wire, rng, tally, is_thorough
):
    url = f"sqlite:///{tmp_path}/labeldock.db"
    with raised_storm(tmp_path, moto_url, wire, rng, tally, database_url=url) as (
        storm,
        work,
    ):
        kinds = build_embedded(storm)

        storm.rage(kinds, 12 if is_thorough else 2, work.feed)

        come_to_rest(storm, work)
        assert_nothing_is_lost_or_doubled(storm, work)
        assert set(tally.kinds) == set(kinds)


def empty(postgres):
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@contextmanager
def raised_storm(tmp_path, moto_url, wire, rng, tally, *, database_url, **urls):
    """An installation at work, and somebody who uses it."""
    values = {**TIMES, **urls}
    with ExitStack() as stack:
        scene = stack.enter_context(opened_scene(tmp_path, database_url, **values))
        crew = stack.enter_context(hired_crew(scene.values, tmp_path / "log"))
        port = free_port()
        notifier = Notifier(
            scene, f"http://127.0.0.1:{port}", random.Random(rng.random())
        )
        receiver = stack.enter_context(
            run_moody_receiver(
                random.Random(rng.random()), TIMES["webhook_timeout"] * 2
            )
        )
        work = Work(scene, ChaosBucket(moto_url), notifier, receiver)
        prepare_work(work, wire)
        caller = build_caller(scene, port, rng)
        storm = Storm(scene, crew, port, wire, caller, rng, tally)
        storm.set_up(has_workers=bool(urls))
        for busy in (caller, notifier):
            busy.start()
            stack.callback(busy.stop)
        yield storm, work


def prepare_work(work, wire):
    scene, bucket = work.scene, work.bucket
    blobs = {"use_blob_urls": True, "recursive_scan": True}
    work.feed()  # first: an import storage without an object is refused
    work.media = scene.connect("media", Purpose.IMPORT, **blobs)
    work.files = bucket.connect(scene, Purpose.IMPORT, wire)
    bucket.connect(scene, Purpose.EXPORT, wire)
    for storage_id in (work.media, work.files):
        work.notifier.watch(storage_id)
    values = {"url": work.receiver.url}
    _, work.receiver.secret = registry.add_webhook(
        scene.app, scene.owner, scene.project_id, values
    )


def build_caller(scene, port, rng):
    token = create_key(scene.app, scene.owner, TokenWish())[1]
    address = Address(f"http://127.0.0.1:{port}", token, scene.project_id)
    tasks = [
        create_task(scene.app, scene.owner, scene.project_id, {"n": n}).id
        for n in range(LABELLED)
    ]
    storages = ["localfiles", "s3", "export/s3"]
    return Caller(address, storages, tasks, random.Random(rng.random()))


def come_to_rest(storm, work):
    """The sky clears: what is under way ends, and one more sync finds the rest.

    What was named is there before that sync.
    """
    storm.caller.stop()
    let_leases_expire(storm.scene)  # once: from now on nobody dies who holds one
    wait_until(lambda: storm.tend() or work.notifier.is_done, storm.crew.read_log)
    work.notifier.stop()
    wait_for_runs(storm)
    for storage_id, keys in work.notifier.named.items():
        assert keys
        assert keys <= {key for key, _ in list_links(storm.scene, storage_id)}
    work.scene.sync(work.media, Purpose.IMPORT)
    work.scene.sync(work.files, Purpose.IMPORT)
    wait_for_runs(storm)


def wait_for_runs(storm):
    def is_quiet():
        storm.tend()
        states = storm.scene.read("SELECT state FROM run")
        waiting = storm.scene.read(
            "SELECT 1 FROM outbox WHERE delivered_version < wanted_version "
            "UNION ALL SELECT 1 FROM inbox "
            "UNION ALL SELECT 1 FROM webhook_delivery WHERE state = 'waiting' LIMIT 1"
        )
        return not waiting and {row.state for row in states} <= ENDED

    wait_until(is_quiet, storm.crew.read_log)


def assert_nothing_is_lost_or_doubled(storm, work):
    scene = storm.scene
    states = Counter(row.state for row in scene.read("SELECT state FROM run"))
    assert set(states) == {"completed"}, states
    assert scene.list_owners() == []
    assert Counter(list_links(scene, work.media)) == Counter(
        (key, -1) for key in work.keys
    )
    assert Counter(list_links(scene, work.files)) == Counter(
        (key, row) for key, count in work.bucket.rows.items() for row in range(count)
    )
    count = len(work.keys) + sum(work.bucket.rows.values()) + LABELLED
    assert scene.read("SELECT count(*) FROM task")[0][0] == count
    assert_counters_are_right(scene)
    assert_labels_are_there(storm, work)
    assert_all_were_told(scene, work.receiver)
    count_weather(storm.tally, work)


def assert_all_were_told(scene, receiver):
    """Each message came in at least once, signed, and nothing else."""
    rows = scene.read("SELECT message_id, action, state FROM webhook_delivery")
    assert receiver.forged == []
    assert {row.state for row in rows} == {"delivered"}
    assert set(receiver.messages) == {row.message_id for row in rows}
    told = {row.message_id: row.action for row in rows}
    for message_id, documents in receiver.messages.items():
        assert {document["action"] for document in documents} == {told[message_id]}
    first = [documents[0] for documents in receiver.messages.values()]
    ended = Counter(d["run"]["id"] for d in first if d["action"] == "RUN_FINISHED")
    assert ended == dict.fromkeys(
        (row.id for row in scene.read("SELECT id FROM run")), 1
    )
    made = Counter(
        task["id"]
        for document in first
        if document["action"] == "TASKS_CREATED"
        for task in document["tasks"]
    )
    ids = (row.id for row in scene.read("SELECT id FROM task"))
    assert made == dict.fromkeys(ids, 1)


def count_weather(tally, work):
    """What notifications and the receiver did, beside the faults."""
    assert not work.notifier.outcomes["wrong"]
    counts = {
        "notification repeated": work.notifier.outcomes["repeated"],
        "notification overtaken": work.notifier.outcomes["overtaken"],
        "webhook doubled": sum(len(d) - 1 for d in work.receiver.messages.values()),
    }
    for mood, count in work.receiver.moods.items():
        counts[f"receiver {mood}"] = count
    del counts["receiver takes"]
    tally.weather.update(counts)


def list_links(scene, storage_id):
    """The key and the row of every task that a storage has brought."""
    rows = scene.read(
        "SELECT link.key, link.row_index FROM import_link AS link "
        "JOIN task ON task.id = link.task_id WHERE link.storage_id = :id",
        id=storage_id,
    )
    return [(row.key, row.row_index) for row in rows]


def assert_labels_are_there(storm, work):
    """What was answered is saved, what is saved is delivered, and nothing else."""
    expected, caller = read_database(storm.scene), storm.caller
    assert {str(number) for number in caller.saved} <= set(expected)
    assert len(caller.saved) <= len(expected) <= caller.tried
    assert not caller.outcomes["wrong"]
    assert work.bucket.read_labels() == expected

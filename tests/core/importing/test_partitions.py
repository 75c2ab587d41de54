"""One bucket imported by several workers, who share the ranges of its keys."""

from __future__ import annotations

import json
import threading
from itertools import pairwise

import pytest
from sqlmodel import col, select, update

from labeldock.contract import Unauthenticated, Unavailable
from labeldock.db.partitions import Part
from labeldock.db.types import database_now
from labeldock.services import leases, parts, runs, storages
from labeldock.services.importing import sharing
from labeldock.services.leases import LeaseLost
from labeldock.services.working import claim_work, run_until_done, work_slice
from tests.core.concurrency import run_at_once
from tests.core.importing.conftest import tell
from tests.core.scripted import FailAt

SHARED = {"page_size": 8, "partitioning": "always", "part_size": 3}


@pytest.fixture(autouse=True)
def _small_and_impatient(monkeypatch):
    monkeypatch.setattr(sharing, "SMALLEST_PART", 2)
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)


@pytest.fixture
def shared(open_app, installation, build_workplace):
    return build_workplace(open_app(installation, **SHARED))


def write_files(bucket, files, rows=2):
    for number in range(files):
        body = [{"file": number, "row": row} for row in range(rows)]
        bucket.put(f"{number:03}.json", json.dumps(body))
    return [(number, row) for number in range(files) for row in range(rows)]


def rows_of(app, ledger):
    return sorted((data["file"], data["row"]) for data in ledger(app).data())


def list_parts(app):
    with app.database.read() as session:
        return list(session.exec(select(Part).order_by(Part.after_key)))


def change_parts(app, *where, **values):
    with app.database.write() as session:
        session.execute(update(Part).where(*where).values(**values))


def list_all(place, run_id):
    """Let somebody list the bucket, and nobody do the parts."""
    while (lease := leases.claim_run(place.app, "lister", run_id)) is not None:
        work_slice(place.app, lease)


def test_parts_cover_every_key_once(shared, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())

    list_all(shared, run_id)

    found = list_parts(shared.app)
    assert len(found) > 5
    assert found[0].after_key == ""
    assert found[-1].upto_key is None
    for one, next_one in pairwise(found):
        assert one.upto_key == next_one.after_key
    assert sum(part.size for part in found) == 21
    assert shared.run(run_id).state == "in_progress"


def test_several_workers_import_each_object_once(shared, bucket, build_ledger):
    expected = write_files(bucket, 40)
    run_id = shared.request(shared.add())
    works = [lambda: run_until_done(shared.app, run_id, owner="w") for _ in range(4)]

    run_at_once(*works)

    run = shared.run(run_id)
    assert run.state == "completed"
    assert tell(run) == {"seen": 40, "new": 40, "created": 80}
    assert rows_of(shared.app, build_ledger) == expected
    assert list_parts(shared.app) == []


def test_a_second_sync_with_nothing_new_makes_no_parts(shared, provider, bucket):
    write_files(bucket, 20)
    storage = shared.add()
    shared.sync(storage)
    listed = provider.calls["list_objects"]

    run_id = shared.request(storage)
    list_all(shared, run_id)

    assert list_parts(shared.app) == []
    assert tell(shared.run(run_id)) == {"seen": 20, "existed": 40}
    assert provider.calls["list_objects"] - listed == 3


def test_changes_of_any_kind_are_found_in_parts_too(shared, bucket, build_ledger):
    write_files(bucket, 12)
    storage = shared.add()
    shared.sync(storage)
    bucket.remove("003.json", "011.json")
    bucket.put("005.json", '{"file": 5, "row": 9}')
    bucket.put_all({f"a{n:02}.json": f'{{"file": {n}, "row": 0}}' for n in range(9)})

    run = shared.sync(storage)

    expected = {"seen": 19, "new": 9, "created": 9, "existed": 20, "changed": 1}
    assert tell(run) == {**expected, "vanished": 2}
    gone = {key for key, *_, exists in build_ledger(shared.app).links() if not exists}
    assert gone == {"003.json", "011.json"}


def test_the_walk_waits_while_there_are_many_parts(shared, bucket, monkeypatch):
    monkeypatch.setattr(sharing, "MAX_PARTS", 4)
    write_files(bucket, 60)
    run_id = shared.request(shared.add())

    list_all(shared, run_id)

    assert 4 <= len(list_parts(shared.app)) <= 8
    assert run_until_done(shared.app, run_id, owner="w").counts["new"] == 60


def test_counts_of_parts_show_before_the_run_has_added_them_up(shared, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)

    work_slice(shared.app, parts.claim_part(shared.app, "w", run_id))

    assert shared.run(run_id).counts["new"] > 0


# Leases


def test_two_workers_handed_the_same_message_take_different_parts(shared, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    acts = [lambda: claim_work(shared.app, "w", run_id) for _ in range(6)]

    found = [lease.part.id for lease in run_at_once(*acts)]

    assert len(set(found)) == 6


def test_a_part_of_a_worker_that_was_killed_is_taken_up_again(
    shared, bucket, build_ledger
):
    expected = write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    lost = parts.claim_part(shared.app, "killed", run_id)
    change_parts(shared.app, Part.id == lost.part.id, lease_expires_at=database_now(-1))

    run = run_until_done(shared.app, run_id, owner="w")

    assert (run.state, run.counts["new"]) == ("completed", 21)
    assert rows_of(shared.app, build_ledger) == expected
    assert [i["code"] for i in run.interruptions] == ["worker_lost"]
    with pytest.raises(LeaseLost):
        parts.finish_part(shared.app, lost)


def test_whoever_lost_a_part_writes_nothing(shared, bucket, build_ledger):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    stale = parts.claim_part(shared.app, "paused", run_id)
    change_parts(
        shared.app, Part.id == stale.part.id, lease_expires_at=database_now(-1)
    )
    assert parts.reap_lost_parts(shared.app) == 1

    work_slice(shared.app, stale)

    assert build_ledger(shared.app).keys() == []


def test_a_part_goes_on_from_its_checkpoint(shared, provider, bucket, build_ledger):
    expected = write_files(bucket, 16)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    fault = FailAt(Unavailable("down"), 3, 6)
    provider.before["get_data"] = fault

    run = run_until_done(shared.app, run_id, owner="w")

    assert (run.state, fault.fired) == ("completed", 2)
    assert tell(run) == {"seen": 16, "new": 16, "created": 32}
    assert rows_of(shared.app, build_ledger) == expected


def test_a_part_that_cannot_be_done_fails_the_run(shared, provider, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    provider.before["get_data"] = FailAt(Unauthenticated("The key has expired."))

    run = run_until_done(shared.app, run_id, owner="w")

    assert run.state == "failed"
    assert run.problem["code"] == "storage_unauthenticated"
    assert {part.state for part in list_parts(shared.app)} <= {"failed", "stopped"}


def test_what_parts_have_counted_is_the_runs_when_it_is_cancelled(shared, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    for _ in range(2):
        work_slice(shared.app, parts.claim_part(shared.app, "w", run_id))
    before = shared.run(run_id).counts

    cancelled = runs.cancel_run(shared.app, shared.owner, run_id)
    runs.retry_run(shared.app, shared.owner, run_id)
    run = run_until_done(shared.app, run_id, owner="w")

    assert cancelled.counts == before
    assert before["new"] > 0
    assert tell(run) == {"seen": 21, "new": 21, "created": 42}


def test_a_run_that_failed_goes_on_with_its_parts(
    shared, provider, bucket, build_ledger
):
    expected = write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    provider.before["get_data"] = FailAt(Unauthenticated("The key has expired."))
    run_until_done(shared.app, run_id, owner="w")
    del provider.before["get_data"]

    runs.retry_run(shared.app, shared.owner, run_id)
    run = run_until_done(shared.app, run_id, owner="w")

    assert (run.state, run.counts["new"]) == ("completed", 21)
    assert rows_of(shared.app, build_ledger) == expected


def test_a_worker_lost_again_and_again_fails_the_run(shared, bucket):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    for _ in range(shared.app.settings.max_attempts):
        first = min(part.id for part in list_parts(shared.app))
        lease = None
        while lease is None or lease.part.id != first:
            lease = parts.claim_part(shared.app, "killed", run_id)
        change_parts(shared.app, Part.id == first, lease_expires_at=database_now(-1))
        change_parts(
            shared.app,
            Part.id != first,
            lease_owner="",
            state="queued",
        )
        parts.reap_lost_parts(shared.app)

    list_all(shared, run_id)

    run = shared.run(run_id)
    assert (run.state, run.problem["code"]) == ("failed", "worker_lost")


def test_nothing_is_written_for_a_run_that_was_cancelled(shared, bucket, build_ledger):
    write_files(bucket, 21)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    held = parts.claim_part(shared.app, "w", run_id)

    runs.cancel_run(shared.app, shared.owner, run_id)
    work_slice(shared.app, held)

    assert build_ledger(shared.app).keys() == []
    assert claim_work(shared.app, "w", run_id) is None


def test_a_cancel_waits_for_the_page_that_is_being_written(
    shared, provider, bucket, build_ledger
):
    write_files(bucket, 40)
    run_id = shared.request(shared.add())
    list_all(shared, run_id)
    begun = threading.Event()
    provider.before["get_data"] = lambda _: begun.set()

    def cancel():
        begun.wait(10)
        runs.cancel_run(shared.app, shared.owner, run_id)
        return len(build_ledger(shared.app).keys())

    works = [lambda: run_until_done(shared.app, run_id, owner="w") for _ in range(2)]
    count = run_at_once(cancel, *works)[0]

    assert len(build_ledger(shared.app).keys()) == count


def test_parts_of_a_storage_that_looks_elsewhere_are_dropped(
    shared, bucket, build_ledger
):
    bucket.put_all({f"a/{n:02}.json": f'{{"n": {n}}}' for n in range(12)})
    bucket.put_all({f"b/{n:02}.json": f'{{"n": {n}}}' for n in range(12)})
    storage = shared.add(prefix="a")
    run_id = shared.request(storage)
    list_all(shared, run_id)
    storages.update_storage(
        shared.app, shared.owner, storage.id, storage.purpose, {"prefix": "b"}
    )

    run = run_until_done(shared.app, run_id, owner="w")

    assert run.state == "completed"
    assert {key[0] for key in build_ledger(shared.app).keys()} == {"b"}  # noqa: SIM118


def test_a_storage_is_removed_with_the_parts_of_a_run_that_waits(shared, bucket):
    write_files(bucket, 21)
    storage = shared.add()
    run_id = shared.request(storage)
    list_all(shared, run_id)
    with shared.app.database.write() as session:
        session.execute(
            update(runs.Run).where(col(runs.Run.id) == run_id).values(state="queued")
        )

    storages.remove_storage(shared.app, shared.owner, storage.id, storage.purpose)

    assert list_parts(shared.app) == []


# When it is done


@pytest.mark.parametrize(
    ("partitioning", "broker_url", "is_blob", "expected"),
    [
        ("auto", "", False, False),
        ("auto", "redis://127.0.0.1:1", False, True),
        ("auto", "redis://127.0.0.1:1", True, False),
        ("always", "", True, True),
        ("never", "redis://127.0.0.1:1", False, False),
    ],
)
def test_when_an_import_is_shared(
    open_app,
    sqlite_installation,
    build_workplace,
    bucket,
    partitioning,
    broker_url,
    is_blob,
    expected,
):
    app = open_app(
        sqlite_installation,
        **{**SHARED, "partitioning": partitioning},
        broker_url=broker_url,
    )
    place = build_workplace(app)
    bucket.put_all({f"{n:02}.json": f'{{"n": {n}}}' for n in range(12)})
    run_id = place.request(place.add(use_blob_urls=is_blob))

    list_all(place, run_id)

    assert bool(list_parts(app)) == expected

"""What is done is done once, wherever a run is broken off and taken up again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError as DatabaseRefusal
from sqlmodel import select

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    CursorExpired,
    Unauthenticated,
    Unavailable,
)
from labeldock.db.tables import ImportLink
from labeldock.services import leases, runs, storages
from labeldock.services.importing import cutting, stretches
from labeldock.services.working import run_until_done, work_slice
from tests.core.importing.conftest import tell
from tests.core.scripted import FailAt

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)


@pytest.fixture
def small_pages(open_app, installation, build_workplace):
    return build_workplace(open_app(installation, page_size=4))


def write_files(bucket, files, rows):
    for number in range(files):
        body = [{"file": number, "row": row} for row in range(rows)]
        bucket.put(f"{number:03}.json", json.dumps(body))
    return [(number, row) for number in range(files) for row in range(rows)]


def rows_of(ledger):
    return [(data["file"], data["row"]) for data in ledger.data()]


def test_a_listing_that_fails_goes_on_after_the_last_page(
    small_pages, provider, bucket, build_ledger
):
    keys = [f"{n:02}" for n in range(22)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = small_pages.add(**BLOBS)
    calls = provider.calls["list_objects"]
    fault = provider.before["list_objects"] = FailAt(Unavailable("down"), 2, 4, 5)

    run = small_pages.sync(storage)

    assert (run.state, run.problem) == ("completed", None)
    assert fault.fired == 3
    assert provider.calls["list_objects"] - calls == 6 + 3
    assert build_ledger(small_pages.app).keys() == keys
    assert (run.counts["seen"], run.counts["created"]) == (22, 22)


def test_progress_takes_back_the_attempts(small_pages, provider, bucket, build_ledger):
    # Eight failures, but never five at one place.
    bucket.put_all(dict.fromkeys((f"{n:02}" for n in range(12)), "x"))
    storage = small_pages.add(**BLOBS)
    provider.before["list_objects"] = FailAt(
        Unavailable("down"), 1, 2, 3, 4, 6, 7, 8, 9
    )

    run = small_pages.sync(storage)

    assert (run.state, run.attempts) == ("completed", 0)
    assert len(build_ledger(small_pages.app).keys()) == 12


def test_progress_in_a_slice_takes_back_the_attempts_before_it(
    small_pages, provider, bucket
):
    bucket.put_all(dict.fromkeys((f"{n:02}" for n in range(12)), "x"))
    storage = small_pages.add(**BLOBS)
    provider.before["list_objects"] = FailAt(Unavailable("down"), 1, 2, 3, 4, 6)
    app, run_id = small_pages.app, small_pages.request(storage)
    for _ in range(4):
        work_slice(app, wait_for_lease(app, run_id))
    assert small_pages.run(run_id).attempts == 4

    work_slice(app, wait_for_lease(app, run_id))  # a page, and then a failure

    run = small_pages.run(run_id)
    assert (run.state, run.attempts) == ("queued", 1)


def wait_for_lease(app, run_id):
    while True:
        lease = leases.claim_run(app, "test", run_id)
        if lease is not None:
            return lease


def test_failures_at_one_place_add_up_until_the_run_fails(
    small_pages, provider, bucket, build_ledger
):
    bucket.put_all(dict.fromkeys((f"{n:02}" for n in range(12)), "x"))
    storage = small_pages.add(**BLOBS)
    error = Unavailable("The bucket does not answer.", remedy="Wait a little.")
    provider.before["list_objects"] = fault = FailAt(error, *range(2, 100))

    run = small_pages.sync(storage)

    assert run.state == "failed"
    assert fault.fired == 5
    assert run.problem["code"] == "storage_unavailable"
    assert run.problem["message"] == "The bucket does not answer."
    assert run.problem["remedy"] == "Wait a little."
    assert run.problem["correlation_id"]
    assert len(build_ledger(small_pages.app).keys()) == 4

    del provider.before["list_objects"]
    retried = runs.retry_run(small_pages.app, small_pages.owner, run.id)
    assert (retried.state, retried.attempts, retried.problem) == ("queued", 0, None)
    done = run_until_done(small_pages.app, run.id, owner="test")
    assert (done.state, done.counts["seen"]) == ("completed", 12)
    assert len(build_ledger(small_pages.app).keys()) == 12


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContainerNotFound("There is no bucket."), "container_not_found"),
        (AccessDenied("Listing is refused."), "storage_access_denied"),
        (Unauthenticated("The key has expired."), "storage_unauthenticated"),
        (ZeroDivisionError("bug"), "provider_crash"),
    ],
)
def test_a_storage_that_is_gone_or_refuses_fails_the_run_at_once(
    place, provider, bucket, error, code
):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    provider.before["list_objects"] = fault = FailAt(error)

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", code)
    assert fault.fired == 1
    assert "bug" not in run.problem["message"]
    assert place.show(storage).status == "failed"


def test_a_bucket_that_fails_while_files_are_read_loses_no_file_that_was(
    place, provider, bucket, ledger, monkeypatch
):
    expected = write_files(bucket, 12, 3)
    storage = place.add()
    fault = FailAt(Unavailable("down"), 1)
    provider.before["get_data"] = lambda request: (
        fault(request) if request.key == "009.json" else None
    )
    run_id = place.request(storage)
    work_slice(place.app, leases.claim_run(place.app, "test", run_id))

    assert rows_of(ledger) == expected[: 9 * 3]  # what was read is there
    assert place.run(run_id).counts["seen"] == 9

    run = run_until_done(place.app, run_id, owner="test")
    assert rows_of(ledger) == expected
    assert (run.counts["seen"], run.counts["created"]) == (12, 36)


def test_a_page_with_many_tasks_is_committed_in_parts_and_counted_once(
    place, provider, bucket, ledger, monkeypatch
):
    monkeypatch.setattr(stretches, "MAX_TASKS", 5)
    expected = write_files(bucket, 10, 3)
    bucket.put("004.json", "{")
    expected = [row for row in expected if row[0] != 4]
    storage = place.add(recursive_scan=True)
    fault = FailAt(ZeroDivisionError("killed"), 1)

    class Killer:
        commits = 0

        def __call__(self, *args, **kwargs):
            self.commits += 1
            if self.commits == 3:
                fault(None)
            return commit(*args, **kwargs)

    commit, killer = stretches.commit_batch, Killer()
    monkeypatch.setattr(stretches, "commit_batch", killer)

    run = place.sync(storage)

    assert fault.fired == 1
    assert killer.commits >= 5
    assert rows_of(ledger) == expected
    assert tell(run) == {"seen": 10, "new": 9, "created": 27, "failed": 1}
    assert [e.key for e in place.errors(run)] == ["004.json"]


def test_large_files_are_committed_before_they_fill_the_memory(
    place, bucket, ledger, monkeypatch
):
    monkeypatch.setattr(stretches, "MAX_BYTES", 100)
    sizes = []
    commit = stretches.commit_batch

    def spy(app, lease, batch, **kwargs):
        sizes.append(len(batch.imported))
        return commit(app, lease, batch, **kwargs)

    monkeypatch.setattr(stretches, "commit_batch", spy)
    for number in range(6):
        bucket.put(f"{number}.json", json.dumps({"n": "x" * 60}))

    place.sync(place.add())

    assert sizes == [2, 2, 2, 0]
    assert len(ledger.data()) == 6


@pytest.mark.parametrize("max_links", [1, 2, 3, 1000])
def test_a_stretch_may_hold_any_number_of_links(
    open_app,
    installation,
    build_workplace,
    build_ledger,
    bucket,
    monkeypatch,
    max_links,
):
    monkeypatch.setattr(cutting, "MAX_LINKS", max_links)
    app = open_app(installation, page_size=3)
    place, ledger = build_workplace(app), build_ledger(app)
    old = [f"{n:02}" for n in range(0, 20, 2)]
    bucket.put_all(dict.fromkeys(old, "x"))
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.remove("00", "08", "10", "18")
    bucket.put("04", "changed")
    new = [f"{n:02}" for n in range(1, 24, 3)]
    bucket.put_all(dict.fromkeys(new, "y"))

    run = place.sync(storage)

    here = sorted({*old, *new} - {"00", "08", "18"})
    fresh = set(new) - set(old)
    assert run.counts["created"] == len(fresh)
    assert run.counts["seen"] == len(bucket.keys())
    assert Counter(ledger.keys()).most_common(1)[0][1] == 1
    assert {k for k, _, _, exists in ledger.links() if not exists} == {"00", "08", "18"}
    assert sorted(k for k, _, _, exists in ledger.links() if exists) == here
    assert run.counts["vanished"] == 3


def test_an_expired_cursor_is_replaced_by_the_last_key(
    small_pages, provider, bucket, build_ledger
):
    keys = [f"{n:02}" for n in range(22)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = small_pages.add(**BLOBS)
    expired = []

    def expire(query):
        if query.cursor is not None:
            expired.append(query.after_key)
            raise CursorExpired("The cursor is too old.")

    provider.before["list_objects"] = expire

    run = small_pages.sync(storage)

    assert run.state == "completed"
    assert expired == ["03", "07", "11", "15", "19"]
    assert build_ledger(small_pages.app).keys() == keys


def test_empty_pages_with_a_cursor_say_nothing_about_what_follows(
    small_pages, provider, bucket, build_ledger
):
    keys = [f"{n:02}" for n in range(9)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = small_pages.add(**BLOBS)
    small_pages.sync(storage)
    provider.after["list_objects"] = lambda page: page
    empty = iter([True, False, True, False, False, False])

    def blank(page):
        if not next(empty):
            return page
        first = page.objects[0].key if page.objects else ""
        return replace(page, objects=(), cursor=first)

    provider.after["list_objects"] = blank
    vanished = []
    commit = stretches.commit_batch

    def spy(app, lease, batch, **kwargs):
        vanished.extend(batch.vanished)
        return commit(app, lease, batch, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "commit_batch", spy)
        run = small_pages.sync(storage)

    assert vanished == []
    assert (run.counts["seen"], run.counts["existed"]) == (9, 9)
    assert {exists for *_, exists in build_ledger(small_pages.app).links()} == {True}


def test_a_run_begins_again_when_the_storage_looks_elsewhere(
    small_pages, provider, bucket, build_ledger
):
    bucket.put_all(dict.fromkeys([f"b/{n:02}" for n in range(6)], "x"))
    bucket.put_all(dict.fromkeys([f"a/{n:02}" for n in range(6)], "x"))
    storage = small_pages.add(prefix="b", **BLOBS)
    provider.before["list_objects"] = FailAt(AccessDenied("refused"), 2)
    run = small_pages.sync(storage)
    assert (run.state, run.counts["created"]) == ("failed", 4)
    del provider.before["list_objects"]
    storages.update_storage(
        small_pages.app, small_pages.owner, storage.id, storage.purpose, {"prefix": "a"}
    )

    runs.retry_run(small_pages.app, small_pages.owner, run.id)
    run = run_until_done(small_pages.app, run.id, owner="test")

    assert run.state == "completed"
    assert [k for k in build_ledger(small_pages.app).keys() if k[0] == "a"] == [  # noqa: SIM118
        f"a/{n:02}" for n in range(6)
    ]
    assert run.counts["vanished"] == 0


def test_no_object_is_imported_twice_even_if_two_workers_hold_it(place, bucket, ledger):
    # The fence keeps them apart; should it fail, the unique constraint does.
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    place.sync(storage)

    with place.app.database.read() as session:
        link = session.exec(select(ImportLink)).one()
        copy = link.model_dump(exclude={"id"})
    with (
        pytest.raises(DatabaseRefusal, match=r"(?i)unique"),
        place.app.database.write() as session,
    ):
        session.add(ImportLink(**copy))


def test_a_fault_of_our_own_is_tried_again_and_told_in_the_end(
    place, bucket, ledger, monkeypatch
):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    fault = FailAt(ZeroDivisionError("s3cret"))
    monkeypatch.setattr(cutting, "glance_at_links", lambda *_, **__: fault(None))

    run = place.sync(storage)

    assert (run.state, fault.fired) == ("failed", 5)
    assert run.problem["code"] == "internal_error"
    assert "s3cret" not in json.dumps(run.problem)
    assert ledger.keys() == []

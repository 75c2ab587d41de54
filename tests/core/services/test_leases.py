"""A run is held by one worker at a time, and nobody else writes for it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from labeldock.contract import RateLimited, Unavailable
from labeldock.db.tables import Run, Task
from labeldock.db.types import database_now
from labeldock.services import leases, runs, storages
from labeldock.services.importing import stretches
from labeldock.services.leases import LeaseLost
from labeldock.services.working import run_until_done, work_slice
from tests.core.concurrency import Background, run_at_once, wait_until

BLOBS = {"use_blob_urls": True}


@pytest.fixture
def storage(place, bucket):
    bucket.put_all({"a": "1", "b": "2", "c": "3"})
    return place.add(**BLOBS)


@pytest.fixture
def run_id(place, storage):
    return place.request(storage)


def row_of(app, run_id):
    with app.database.read() as session:
        return session.get_one(Run, run_id)


def change(app, run_id, **values):
    with app.database.write() as session:
        session.execute(update(Run).where(col(Run.id) == run_id).values(**values))


def expire(app, run_id):
    change(app, run_id, lease_expires_at=database_now(-1))


def renew(app, lease):
    with app.database.write_connection() as connection:
        leases.fence(
            app, connection, lease, checkpoint=lease.checkpoint, counts=lease.counts
        )


def count_tasks(app):
    with app.database.read() as session:
        return len(session.exec(select(Task.id)).all())


# Taking


def test_a_run_is_claimed_by_one_alone(app, run_id):
    acts = [lambda n=n: leases.claim_run(app, f"worker {n}", run_id) for n in range(8)]

    found = [lease for lease in run_at_once(*acts) if lease is not None]

    assert len(found) == 1
    row = row_of(app, run_id)
    assert (row.state, row.lease_token) == ("in_progress", found[0].token)
    assert row.lease_owner.startswith("worker")
    assert row.lease_expires_at > row.last_ping_at


def test_several_due_runs_are_claimed_one_by_one(app, place, bucket):
    bucket.put("a", "x")
    expected = {place.request(place.add(**BLOBS)) for _ in range(6)}
    acts = [lambda: leases.claim_run(app, "worker") for _ in range(9)]

    found = [lease.run_id for lease in run_at_once(*acts) if lease]

    assert len(found) == len(set(found))
    assert set(found) <= expected
    rest = iter(lambda: leases.claim_run(app, "worker"), None)
    assert {*found, *(lease.run_id for lease in rest)} == expected


def test_a_claim_takes_one_row_whatever_the_plan(postgres_app, build_workplace, bucket):
    # Without hashing, a subquery of IN is run for every row, and locks another each.
    place = build_workplace(postgres_app)
    bucket.put("a", "x")
    for _ in range(5):
        place.request(place.add(**BLOBS))
    with postgres_app.database.engine.connect() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        for plan in ("hashagg", "hashjoin", "mergejoin", "material", "sort"):
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET enable_{plan}=off')
        connection.commit()
    postgres_app.database.close()  # the settings are those of new connections

    assert leases.claim_run(postgres_app, "worker") is not None

    with postgres_app.database.read() as session:
        states = session.exec(select(Run.state)).all()
    assert sorted(states) == ["in_progress", *["queued"] * 4]


def test_only_due_runs_of_the_kind_asked_for_are_claimed(app, run_id):
    assert leases.claim_run(app, "worker", kind="export") is None
    assert leases.claim_run(app, "worker", run_id + 1) is None
    change(app, run_id, due_at=database_now(60))
    assert leases.claim_run(app, "worker") is None
    assert leases.list_due_runs(app) == []

    change(app, run_id, due_at=database_now())
    assert leases.list_due_runs(app) == [(run_id, "import")]
    assert leases.claim_run(app, "worker", kind="import").run_id == run_id
    assert leases.list_due_runs(app) == []


def test_one_storage_has_one_active_run_however_many_ask(place, storage):
    asked = run_at_once(*[lambda: place.request(storage) for _ in range(8)])

    assert len(set(asked)) == 1
    again = place.request(storage)
    assert again == asked[0]
    with place.app.database.read() as session:
        assert len(session.exec(select(Run)).all()) == 1


def test_a_run_that_has_ended_makes_room_for_another(place, storage):
    first = place.sync(storage)

    second = place.request(storage)

    assert second != first.id
    assert place.show(storage).status == "queued"


# The fence


def test_whoever_lost_the_lease_writes_nothing(place, storage, run_id):
    app = place.app
    slow = leases.claim_run(app, "slow", run_id)
    expire(app, run_id)
    assert leases.reap_lost_runs(app) == 1
    quick = leases.claim_run(app, "quick", run_id)

    with pytest.raises(LeaseLost, match=f"run {run_id}"):
        renew(app, slow)
    assert not work_slice(app, slow)  # it ends in silence
    assert count_tasks(app) == 0
    for act in (leases.hand_back, lambda *a: leases.finish(*a, "completed")):
        with pytest.raises(LeaseLost, match=f"run {run_id}"):
            act(app, slow)

    assert not work_slice(app, quick)
    assert count_tasks(app) == 3
    assert place.run(run_id).state == "completed"


def test_a_worker_that_slept_past_its_lease_commits_no_page(
    place, storage, run_id, provider
):
    """It listed a page, slept, and came back when the run was in other hands."""
    app = place.app
    slow = leases.claim_run(app, "slow", run_id)

    def sleep(page):
        del provider.after["list_objects"]
        expire(app, run_id)
        leases.reap_lost_runs(app)
        assert run_until_done(app, run_id, owner="quick").state == "completed"
        return page

    provider.after["list_objects"] = sleep

    assert not work_slice(app, slow)

    assert count_tasks(app) == 3
    assert place.run(run_id).counts["created"] == 3


def test_a_lease_that_ran_out_unnoticed_is_still_the_holders(app, run_id):
    # Time alone takes nothing away; only who reaps or claims does.
    lease = leases.claim_run(app, "worker", run_id)
    expire(app, run_id)

    renew(app, lease)

    assert leases.reap_lost_runs(app) == 0


def test_a_cancel_waits_for_the_page_under_way_and_nothing_follows(
    place, storage, run_id, monkeypatch
):
    app, owner = place.app, place.owner
    lease = leases.claim_run(app, "worker", run_id)
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint={"after": "a"}, counts={})
        cancel = Background(lambda: runs.cancel_run(app, owner, run_id))
        time.sleep(0.15)
        assert cancel.is_running

    assert cancel.join().state == "cancelled"
    assert row_of(app, run_id).checkpoint == {"after": "a"}
    with pytest.raises(LeaseLost, match=f"run {run_id}"):
        renew(app, lease)
    assert not work_slice(app, lease)
    assert count_tasks(app) == 0
    assert place.run(run_id).cancelled_by == owner.email


def test_a_cancel_between_listing_and_commit_leaves_no_task(
    place, storage, run_id, provider
):
    app = place.app

    def cancel(page):
        runs.cancel_run(app, place.owner, run_id)
        return page

    provider.after["list_objects"] = cancel
    work_slice(app, leases.claim_run(app, "worker", run_id))

    assert count_tasks(app) == 0
    assert place.run(run_id).state == "cancelled"
    assert place.show(storage).status == "failed"


def test_a_cancelled_run_goes_on_from_its_checkpoint_when_retried(
    open_app, installation, build_workplace, bucket, provider
):
    app = open_app(installation, page_size=2, slice_pages=1)
    place = build_workplace(app)
    bucket.put_all(dict.fromkeys("abcdef", "x"))
    storage = place.add(**BLOBS)
    run_id = place.request(storage)
    work_slice(app, leases.claim_run(app, "worker", run_id))
    runs.cancel_run(app, place.owner, run_id)
    listed = provider.calls["list_objects"]

    assert runs.retry_run(app, place.owner, run_id).state == "queued"
    run = run_until_done(app, run_id, owner="test")

    assert (run.state, run.counts["created"], run.cancelled_by) == ("completed", 6, "")
    assert provider.calls["list_objects"] - listed == 2


# Staying alive


@pytest.fixture
def quick(open_app, installation):
    """A process whose heart beats twenty times a second."""
    return open_app(installation, storage_in_progress_timer=0.05, stall_limit=0.3)


def test_the_heartbeat_keeps_a_slow_run_alive(place, run_id, open_app, installation):
    app = open_app(installation, storage_in_progress_timer=0.3)
    lease = leases.claim_run(app, "worker", run_id)
    first_end = row_of(app, run_id).lease_expires_at

    with leases.heartbeat(app, lease):
        wait_until(lambda: row_of(app, run_id).last_ping_at > first_end)
        assert leases.reap_lost_runs(place.app) == 0

    assert row_of(place.app, run_id).lease_token == lease.token


def test_a_worker_that_hangs_is_not_kept_alive_by_its_heartbeat(place, run_id, quick):
    lease = leases.claim_run(quick, "worker", run_id)

    with leases.heartbeat(quick, lease):
        wait_until(lambda: leases.reap_lost_runs(place.app) == 1)

    assert row_of(place.app, run_id).lease_owner == ""
    with pytest.raises(LeaseLost, match=f"run {run_id}"):
        renew(quick, lease)


def test_the_heartbeat_ends_with_the_lease(place, run_id, quick):
    lease = leases.claim_run(quick, "worker", run_id)
    runs.cancel_run(place.app, place.owner, run_id)

    started = time.monotonic()
    with leases.heartbeat(quick, lease):
        pass

    assert time.monotonic() - started < 20
    assert row_of(place.app, run_id).lease_expires_at is None


# Lost and failed


def test_a_lost_run_is_queued_again_and_fails_when_its_attempts_are_used_up(
    open_app, installation, build_workplace, bucket
):
    app = open_app(installation, max_attempts=3)
    place = build_workplace(app)
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    run_id, states = place.request(storage), []
    for _ in range(3):
        assert leases.claim_run(app, "worker", run_id) is not None
        expire(app, run_id)
        assert leases.reap_lost_runs(app) == 1
        states.append((place.run(run_id).state, place.run(run_id).attempts))

    assert states == [("lost", 1), ("lost", 2), ("failed", 3)]
    problem = place.run(run_id).problem
    assert problem["code"] == "worker_lost"
    assert "lost 3 times" in problem["message"]
    assert problem["remedy"]
    assert place.show(storage).status == "failed"
    assert runs.retry_run(app, place.owner, run_id).attempts == 0


def test_listing_storages_notices_a_lost_run(place, storage, run_id):
    leases.claim_run(place.app, "worker", run_id)
    expire(place.app, run_id)

    (view,) = storages.list_storages(
        place.app, place.owner, place.project, storage.purpose
    )

    assert (view.status, view.run.state) == ("queued", "lost")


def test_a_lost_run_says_who_was_lost_and_keeps_it_beyond_the_success(
    place, storage, run_id
):
    leases.claim_run(place.app, "host:1:2", run_id)
    expire(place.app, run_id)
    leases.reap_lost_runs(place.app)

    lost = place.run(run_id)
    done = run_until_done(place.app, run_id, owner="test")

    assert (lost.problem["code"], len(lost.problem["correlation_id"])) == (
        "worker_lost",
        16,
    )
    assert "host:1:2 was lost" in lost.problem["message"]
    assert (done.state, done.problem) == ("completed", None)
    (kept,) = done.interruptions
    assert (kept["code"], kept["owner"], kept["attempts"]) == (
        "worker_lost",
        "host:1:2",
        1,
    )


def test_the_newest_interruptions_are_kept(place, run_id):
    for attempt in range(25):
        change(place.app, run_id, attempts=attempt % 3, due_at=database_now())
        lease = leases.claim_run(place.app, "worker", run_id)
        leases.postpone(place.app, lease, Unavailable(f"failure {attempt}"))

    kept = place.run(run_id).interruptions

    assert [each["message"] for each in kept] == [f"failure {n}" for n in range(5, 25)]


def test_a_run_that_is_being_written_is_not_lost(postgres_app, build_workplace, bucket):
    place = build_workplace(postgres_app)
    bucket.put("a", "x")
    run_id = place.request(place.add(**BLOBS))
    lease = leases.claim_run(postgres_app, "worker", run_id)
    expire(postgres_app, run_id)

    with postgres_app.database.write_connection() as connection:
        leases.fence(postgres_app, connection, lease, checkpoint={}, counts={})
        reaped = Background(lambda: leases.reap_lost_runs(postgres_app)).join(10)

    assert reaped == 0


def test_only_one_of_many_reapers_takes_a_lost_run_back(place, run_id):
    leases.claim_run(place.app, "worker", run_id)
    expire(place.app, run_id)

    reaped = run_at_once(*[lambda: leases.reap_lost_runs(place.app)] * 6)

    assert sum(reaped) == 1
    assert place.run(run_id).attempts == 1


@pytest.mark.parametrize(
    ("attempts", "error", "seconds"),
    [
        (0, Unavailable("x"), 2),
        (1, Unavailable("x"), 4),
        (3, Unavailable("x"), 16),
        (0, RateLimited("x", retry_after=45.5), 45.5),
        (0, RateLimited("x", retry_after=float("inf")), 3600),
        (3, RateLimited("x", retry_after=0.1), 16),
    ],
)
def test_after_a_failure_it_waits_longer_each_time(
    place, run_id, attempts, error, seconds
):
    change(place.app, run_id, attempts=attempts)
    lease = leases.claim_run(place.app, "worker", run_id)

    assert leases.postpone(place.app, lease, error)

    row = row_of(place.app, run_id)
    assert (row.state, row.attempts, row.lease_owner) == ("queued", attempts + 1, "")
    assert row.problem["code"] == error.code
    assert row.due_at - row.last_ping_at == pytest.approx(
        timedelta(seconds=seconds), abs=timedelta(seconds=0.5)
    )


def test_no_number_of_attempts_overflows():
    error = Unavailable("x")

    waits = [leases.compute_backoff(n, error) for n in (1, 2, 8, 9, 5000)]

    assert waits == [2, 4, 256, 300, 300]


def test_the_last_failure_ends_the_run(place, run_id):
    change(place.app, run_id, attempts=4)
    lease = leases.claim_run(place.app, "worker", run_id)

    assert not leases.postpone(place.app, lease, Unavailable("It is down."))

    run = place.run(run_id)
    assert (run.state, run.problem["message"]) == ("failed", "It is down.")
    assert run.finished_at is not None


def test_a_run_handed_back_goes_on_at_once_and_counts_no_attempt(place, run_id):
    lease = leases.claim_run(place.app, "worker", run_id)
    leases.hand_back(place.app, lease)

    again = leases.claim_run(place.app, "another", run_id)

    assert (again.token, again.attempts) == (lease.token + 1, 0)
    leases.wait(place.app, again, 60)
    assert leases.claim_run(place.app, "worker", run_id) is None
    assert place.run(run_id).state == "in_progress"


def test_a_removed_storage_ends_the_work_in_silence(place, storage, run_id, provider):
    lease = leases.claim_run(place.app, "worker", run_id)
    leases.hand_back(place.app, lease)
    change(place.app, run_id, state="queued")
    storages.remove_storage(place.app, place.owner, storage.id, storage.purpose)

    assert not work_slice(place.app, lease)


def test_ctrl_c_in_a_terminal_leaves_a_run_that_goes_on(
    open_app, installation, build_workplace, bucket, monkeypatch
):
    app = open_app(installation, page_size=1)
    place = build_workplace(app)
    bucket.put_all(dict.fromkeys("abc", "x"))
    run_id = place.request(place.add(**BLOBS))
    commit, commits = stretches.commit_batch, []

    def interrupt(*args, **kwargs):
        if len(commits) == 1:
            commits.append("interrupted")
            raise KeyboardInterrupt
        commits.append("done")
        return commit(*args, **kwargs)

    monkeypatch.setattr(stretches, "commit_batch", interrupt)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        run_until_done(app, run_id, owner="terminal")

    row = row_of(app, run_id)
    assert (row.lease_owner, row.attempts, row.counts["created"]) == ("", 0, 1)
    seen = []
    run = run_until_done(app, run_id, owner="terminal", on_progress=seen.append)
    assert (run.state, run.counts["created"]) == ("completed", 3)
    assert seen[-1] == run

from __future__ import annotations

import pytest

from labeldock.contract import Conflict, NotAllowed, NotFound, hookimpl
from labeldock.services import leases, projects, runs
from labeldock.testing.plugins import build_catalog
from tests.core.concurrency import run_at_once


@pytest.fixture
def storage(place, bucket):
    bucket.put_all({"a.json": "{", "b.json": '{"n": 1}', "c.json": "[1]"})
    return place.add()


def test_runs_are_listed_newest_first(place, bucket, storage):
    other = place.add(title="another")
    done = [place.sync(each).id for each in (storage, other, storage)]

    def list_ids(**options):
        found = runs.list_runs(place.app, place.owner, place.project, **options)
        return [run.id for run in found]

    assert list_ids() == done[::-1]
    assert list_ids(storage_id=other.id) == [done[1]]
    assert list_ids(limit=1) == [done[2]]


def test_errors_are_listed_from_where_one_left_off(place, storage):
    run = place.sync(storage)

    first = runs.list_run_errors(place.app, place.owner, run.id, limit=1)
    rest = runs.list_run_errors(place.app, place.owner, run.id, after=first[0].id)

    assert [error.key for error in first + rest] == ["a.json", "c.json"]


def test_a_run_that_has_ended_cannot_be_cancelled(place, storage):
    run = place.sync(storage)

    with pytest.raises(Conflict, match="has ended already"):
        runs.cancel_run(place.app, place.owner, run.id)
    assert place.run(run.id) == run


def test_a_run_that_did_well_or_is_under_way_cannot_be_retried(place, storage):
    done, under_way = place.sync(storage), place.request(storage)

    for run_id in (done.id, under_way):
        with pytest.raises(Conflict, match="only failed and cancelled"):
            runs.retry_run(place.app, place.owner, run_id)


def test_a_run_is_not_retried_beside_another_of_its_storage(place, storage):
    cancelled = place.request(storage)
    runs.cancel_run(place.app, place.owner, cancelled)
    place.request(storage)

    with pytest.raises(Conflict, match="another active run"):
        runs.retry_run(place.app, place.owner, cancelled)


def test_a_run_retried_by_many_at_once_is_queued_once(place, storage):
    run_id = place.request(storage)
    runs.cancel_run(place.app, place.owner, run_id)
    retry = [lambda: runs.retry_run(place.app, place.owner, run_id)] * 4
    sync = [lambda: place.request(storage)] * 2

    outcomes = run_at_once(*retry, *sync)

    assert {type(o) for o in outcomes if isinstance(o, Exception)} <= {Conflict}
    listed = runs.list_runs(place.app, place.owner, place.project)
    assert sum(run.is_active for run in listed) == 1


def test_the_storage_shows_the_run_that_is_retried(place, storage):
    first = place.request(storage)
    runs.cancel_run(place.app, place.owner, first)
    place.sync(storage)

    runs.retry_run(place.app, place.owner, first)

    assert place.show(storage).run.id == first
    assert place.show(storage).status == "queued"


def test_a_queued_run_that_is_cancelled_is_never_begun(place, storage):
    run_id = place.request(storage)
    runs.cancel_run(place.app, place.owner, run_id)

    assert leases.claim_run(place.app, "worker", run_id) is None
    shown = place.show(storage)
    assert (shown.status, shown.run.state) == ("failed", "cancelled")
    assert shown.run.cancelled_by == place.owner.email


def test_a_missing_run_is_not_found(place):
    for act in (runs.get_run, runs.cancel_run, runs.retry_run, runs.list_run_errors):
        with pytest.raises(NotFound, match="Run 99 does not exist"):
            act(place.app, place.owner, 99)


def test_a_stranger_sees_and_changes_no_run(place, storage, people):
    run_id = place.request(storage)

    for act in (runs.get_run, runs.cancel_run, runs.retry_run, runs.list_run_errors):
        with pytest.raises(NotAllowed, match="do not have permission"):
            act(place.app, people.stranger, run_id)


class Watcher:
    """Writes down the ends of runs, and fails to do so now and then."""

    def __init__(self):
        self.ended = []

    @hookimpl
    def after_run_finished(self, event):
        self.ended.append((event.run_id, event.state, event.counts.get("created")))
        raise ZeroDivisionError


def test_every_end_of_a_run_is_told_once(
    open_app, installation, build_workplace, bucket, provider
):
    watcher = Watcher()
    app = open_app(
        installation,
        catalog=build_catalog(provider, plugins={"watcher": watcher}),
        max_attempts=1,
    )
    place = build_workplace(app)
    bucket.put("a.json", '{"n": 1}')
    storage = place.add()
    done = place.sync(storage)
    cancelled = place.request(storage)
    runs.cancel_run(app, place.owner, cancelled)
    lost = place.request(storage)
    leases.claim_run(open_app(installation, storage_in_progress_timer=1e-4), "x", lost)
    while not leases.reap_lost_runs(app):
        pass

    assert watcher.ended == [
        (done.id, "completed", 1),
        (cancelled, "cancelled", None),
        (lost, "failed", None),
    ]


def test_a_project_is_deleted_while_a_page_is_being_written(
    open_app, installation, build_workplace, bucket
):
    app = open_app(installation, page_size=5)
    place = build_workplace(app)
    bucket.put_all({f"{n:03}.json": '{"n": 1}' for n in range(100)})
    storage = place.add()
    place.request(storage)

    outcomes = run_at_once(
        lambda: place.sync(storage),
        lambda: projects.delete_project(app, place.owner, place.project),
    )

    assert outcomes[1] is None
    assert isinstance(outcomes[0], NotFound | runs.RunView)  # whichever came first
    with pytest.raises(NotFound, match="does not exist"):
        projects.get_project(app, place.owner, place.project)

"""Runs of long ago are forgotten, a page at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from labeldock.db.columns import utc_now
from labeldock.db.tables import Run, RunError
from labeldock.jobs.chores import Chores
from labeldock.services import dry_runs, run_history
from labeldock.services.working import run_until_done


@pytest.fixture
def place(open_app, installation, build_workplace):
    return build_workplace(open_app(installation, run_keep_days=30))


@pytest.fixture
def storage(place, bucket):
    """A storage with a file that is broken, so that every run has an error."""
    bucket.put_all({"bad.json": "[{", "good.json": '{"n": 1}'})
    return place.add()


def age(place, *run_ids, days=31):
    then = utc_now() - timedelta(days=days)
    with place.app.database.write() as session:
        old = update(Run).where(col(Run.id).in_(run_ids))
        session.execute(old.values(finished_at=then))


def list_left(place):
    with place.app.database.read() as session:
        found = list(session.exec(select(Run.id).order_by(Run.id)))
        errors = set(session.exec(select(RunError.run_id)))
    return found, errors


def test_old_runs_go_with_their_errors_and_young_ones_stay(place, storage):
    old, young, last = (place.sync(storage).id for _ in range(3))
    age(place, old)
    age(place, young, days=29)

    list(run_history.forget_old_runs(place.app))

    assert list_left(place) == ([young, last], {young, last})


def test_the_last_run_of_a_storage_stays(place, storage):
    first, last = (place.sync(storage).id for _ in range(2))
    age(place, first, last)

    list(run_history.forget_old_runs(place.app))

    assert list_left(place) == ([last], {last})
    assert place.show(storage).run.id == last


def test_what_is_at_work_stays(place, storage):
    run_id = place.sync(storage).id
    waiting = dry_runs.request_dry_run(place.app, place.owner, storage.id).id
    age(place, waiting)

    list(run_history.forget_old_runs(place.app))

    assert list_left(place)[0] == [run_id, waiting]
    assert run_until_done(place.app, waiting, owner="test").state == "completed"


def test_a_page_is_removed_at_a_time(place, storage, monkeypatch):
    monkeypatch.setattr(run_history, "PAGE", 2)
    old = [place.sync(storage).id for _ in range(5)]
    last = place.sync(storage).id
    age(place, *old)

    pages = sum(1 for _ in run_history.forget_old_runs(place.app))

    assert pages == 3  # two full pages of errors, and the rest with the runs
    assert list_left(place) == ([last], {last})


def test_whoever_keeps_them_for_ever_keeps_them(
    open_app, sqlite_installation, build_workplace, bucket
):
    bucket.put("a.json", '{"n": 1}')
    place = build_workplace(open_app(sqlite_installation, run_keep_days=0))
    storage = place.add()
    old, last = (place.sync(storage).id for _ in range(2))
    age(place, old, days=4000)

    list(run_history.forget_old_runs(place.app))

    assert list_left(place)[0] == [old, last]


def test_a_workers_poll_does_it(place, storage):
    old, last = (place.sync(storage).id for _ in range(2))
    age(place, old)
    chores = Chores(place.app, "test")

    chores.do_due()
    chores.end()

    assert list_left(place)[0] == [last]

"""What pages tell of projects, runs and the installation, on either database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labeldock.contract import NotAllowed, NotFound
from labeldock.db.history import ProjectPoint, WorkerSign
from labeldock.db.tables import Project, RunError
from labeldock.services import (
    access,
    glances,
    progress_history,
    run_reports,
    system_state,
    worker_signs,
)
from labeldock.services.progress_history import MOST, STEP
from tests.core.concurrency import run_at_once


@pytest.fixture
def storage(place, bucket):
    bucket.put_all({"a.json": "{", "b.json": '{"n": 1}', "c.json": "{"})
    return place.add()


def test_a_run_is_told_with_what_it_did(place, storage):
    first = place.sync(storage)
    second = place.sync(storage)
    report = run_reports.load_report(place.app, place.owner, second.id)

    assert report.run.id == second.id
    assert report.done == 3
    assert report.expected == first.counts["seen"]
    assert report.requested_by == place.owner.email
    assert report.samples[-1].objects == 3


def test_errors_of_one_cause_are_one_group(place, storage):
    run = place.sync(storage)
    (group,) = run_reports.group_errors(place.app, place.owner, run.id)

    assert (group.code, group.count) == ("broken_json", 2)
    assert group.keys == ("a.json", "c.json")
    assert group.remedy


def test_only_so_many_errors_are_grouped(place, storage, monkeypatch):
    monkeypatch.setattr(run_reports, "MOST_GROUPED", 5)
    run = place.sync(storage)
    with place.app.database.write() as session:
        for number in range(20):
            session.add(
                RunError(run_id=run.id, key=f"{number}", code="late", message="m")
            )
    groups = run_reports.group_errors(place.app, place.owner, run.id)

    assert [(each.code, each.count) for each in groups] == [
        ("late", 3),
        ("broken_json", 2),
    ]


def test_projects_are_seen_at_a_glance(place, storage):
    place.sync(storage)
    glance = glances.load_glances(place.app, place.owner, [place.project])
    (found,) = glance.values()

    assert (found.flawed, found.failing, found.active) == (1, 0, 0)
    assert found.last_success_at is not None
    assert glances.load_glances(place.app, place.owner, []) == {}
    with pytest.raises((NotFound, NotAllowed)):
        glances.load_glances(place.app, place.owner, [place.project + 1000])


def count_points(place):
    found = progress_history.list_points(place.app, place.owner, place.project)
    return [(point.at, point.tasks) for point in found]


def test_counters_are_noted_when_they_have_changed(place, storage):
    place.sync(storage)
    with place.app.database.read() as session:
        start = progress_history._round_down(
            session.get_one(Project, place.project).created_at
        )
    for _ in range(2):
        progress_history.note_points(place.app, start)
    progress_history.note_points(place.app, start + STEP)  # nothing has changed
    set_counter(place, 7)
    progress_history.note_points(place.app, start + 2 * STEP)

    assert count_points(place) == [(start, 1), (start + 2 * STEP, 7)]


def set_counter(place, number):
    with place.app.database.write() as session:
        session.get_one(Project, place.project).task_number = number


def test_a_point_is_noted_once_however_many_note_it(place, storage):
    place.sync(storage)
    noted = run_at_once(*[lambda: progress_history.note_points(place.app)] * 4)

    assert len(count_points(place)) in {1, 2}  # a step may have begun in between
    assert sum(noted) == len(count_points(place))


def test_a_long_history_stays_small_and_whole(place, storage):
    place.sync(storage)
    with place.app.database.read() as session:
        start = session.get_one(Project, place.project).created_at
    start = progress_history._round_down(start)
    with place.app.database.write() as session:
        for number in range(MOST):
            at = start + number * STEP
            session.add(
                ProjectPoint(
                    project_id=place.project,
                    at=at,
                    tasks=number,
                    finished=0,
                    annotations=0,
                )
            )
    progress_history.note_points(place.app, start + MOST * STEP)
    points = count_points(place)

    assert MOST / 2 < len(points) <= MOST
    assert points[0][0] == start
    assert points[-1] == (start + MOST * STEP, 1)


def test_workers_give_signs_of_life_and_are_forgotten(app):
    now = worker_signs.utc_now()
    worker_signs.give_sign(app, "one:1", now)
    worker_signs.give_sign(app, "one:1", now)
    with app.database.write() as session:
        for name, age in (("gone:1", 0.5), ("forgotten:1", 30)):
            seen = now - timedelta(hours=age)
            session.add(
                WorkerSign(
                    name=name, version="1", threads=2, started_at=seen, seen_at=seen
                )
            )
    worker_signs.give_sign(app, "two:2", now)
    worker_signs.withdraw_sign(app, "two:2")

    found = worker_signs.list_workers(app)
    assert [(each.name, each.is_alive) for each in found] == [
        ("one:1", True),
        ("gone:1", False),
    ]


def test_the_state_of_the_system_is_for_administrators(place, storage):
    place.request(storage)
    admin = access.create_user(place.app, "head@example.org", "password", is_admin=True)
    state = system_state.load_state(place.app, admin)

    (work,) = state.work
    assert (work.kind, work.waiting, work.held) == ("import", 1, 0)
    assert state.database_size > 0
    assert dict(state.versions)["labeldock"]
    with pytest.raises(NotAllowed, match="Only administrators"):
        system_state.load_state(place.app, place.owner)

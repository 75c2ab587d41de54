"""Workers' time is shared out among teams, and no team is kept waiting by another."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.db.tables import Run
from labeldock.db.teams import TeamTurn
from labeldock.services import annotations, leases, projects, tasks, turns
from labeldock.services.accounts import organizations
from labeldock.services.quotas import Limit, managing
from labeldock.services.working import work_slice
from tests.core.concurrency import run_at_once
from tests.core.conftest import Workplace

ON_ONE = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
BLOBS = {"use_blob_urls": True, "recursive_scan": True}
QUICK = {"page_size": 2, "slice_pages": 1, "turn_seconds": 1e-6}


class Team:
    """A team with a project of its own, and runs of it."""

    def __init__(self, app, admin, title):
        self.id = organizations.create_organization(app, admin, title).id
        self.place = Workplace(app, admin)
        values = {"title": title}
        self.place.project = projects.create_project(
            app, admin, values, organization_id=self.id
        ).id
        self.app = app

    def request(self, count=1, **values):
        add = self.place.add
        return [self.place.request(add(**BLOBS, **values)) for _ in range(count)]


@pytest.fixture
def teams(app, people, bucket):
    bucket.put("a", "x")
    return Team(app, people.admin, "Large"), Team(app, people.admin, "Small")


def claim(app, **options):
    return turns.claim_next(app, "worker", **options)


def take_turn(app):
    """What a thread of a worker does for a message; the run that it was for."""
    lease = claim(app)
    if lease is None:
        return None
    work_slice(app, lease)
    turns.charge(app, lease.organization_id, 10.0)
    return lease.run_id


@ON_ONE
def test_a_run_belongs_to_the_team_of_its_project(app, teams):
    large, _ = teams

    run_id = large.request()[0]

    with app.database.read() as session:
        assert session.get_one(Run, run_id).organization_id == large.id


def test_the_team_that_had_least_goes_next(app, teams):
    large, small = teams
    many = large.request(4)
    turns.charge(app, large.id, 5)
    one = small.request()[0]

    taken = [claim(app).run_id for _ in range(5)]

    assert taken[0] == one
    assert taken[1:] == many


def test_teams_with_the_same_take_turns(app, teams):
    large, small = teams
    theirs, others = large.request(3), small.request(3)

    taken = []
    while (lease := claim(app)) is not None:
        taken.append(lease.run_id)

    pairs = zip(taken[::2], taken[1::2], strict=True)
    assert all((a in theirs) != (b in theirs) for a, b in pairs)
    assert sorted(taken) == sorted(theirs + others)


def test_the_runs_of_a_team_take_turns_too(
    open_app, sqlite_installation, people, bucket
):
    app = open_app(sqlite_installation, **QUICK)
    team = Team(app, people.admin, "Only")
    bucket.put_all({f"{n}": "x" for n in range(6)})
    first, second = team.request(2)

    taken = [take_turn(app) for _ in range(6)]

    assert taken == [first, second] * 3


@ON_ONE
def test_nobody_saves_up_and_nobody_is_made_to_pay_for_long_ago(app, teams):
    large, small = teams
    turns.charge(app, large.id, 100_000)
    turns.charge(app, small.id, 1)

    with app.database.read() as session:
        used = {t.organization_id: t.used for t in session.exec(select(TeamTurn))}

    assert used[large.id] - used[small.id] == turns.CREDIT - 1


def test_a_slice_makes_way_once_another_team_waits_that_had_less(
    open_app, sqlite_installation, people, bucket
):
    app = open_app(sqlite_installation, page_size=1, turn_seconds=1e-6)
    large, small = (Team(app, people.admin, title) for title in ("Large", "Small"))
    bucket.put_all({f"{n:02}": "x" for n in range(40)})
    run_id = large.request()[0]
    lease = claim(app)
    assert not lease.makes_way()
    small.request()

    assert work_slice(app, lease)  # it wants another slice: it was handed back

    assert large.place.run(run_id).state == "in_progress"
    assert lease.counts["created"] < 40


def test_a_slice_goes_on_while_nobody_waits(
    open_app, sqlite_installation, people, bucket
):
    app = open_app(sqlite_installation, page_size=1, turn_seconds=1e-6)
    team = Team(app, people.admin, "Only")
    bucket.put_all({f"{n:02}": "x" for n in range(40)})
    run_id = team.request()[0]
    team.request()  # one of its own is no reason

    assert not work_slice(app, claim(app))

    run = team.place.run(run_id)
    assert (run.state, run.counts["created"]) == ("completed", 40)


def test_a_small_sync_ends_within_three_slices_of_a_large_one(
    open_app, installation, people, bucket
):
    app = open_app(installation, **QUICK)
    large, small = (Team(app, people.admin, title) for title in ("Large", "Small"))
    bucket.put_all({f"large/{n:03}": "x" for n in range(16)})
    bucket.put_all({f"small/{n}": "x" for n in range(2)})
    theirs = large.request(3, prefix="large")
    for _ in range(2):
        take_turn(app)

    ours = small.request(prefix="small")[0]
    before = []
    while small.place.run(ours).is_active:
        before.append(take_turn(app))

    assert sum(run_id in theirs for run_id in before) <= 2
    while take_turn(app) is not None:
        pass
    assert {large.place.run(run_id).state for run_id in theirs} == {"completed"}


def test_a_team_has_no_more_runs_in_hand_than_it_may(app, people, teams):
    large, small = teams
    managing.change_limits(app, people.admin, large.id, {"runs": 2})
    theirs = large.request(8)
    ours = small.request(2)

    acts = [lambda: claim(app) for _ in range(10)]
    taken = [lease for lease in run_at_once(*acts) if lease is not None]

    runs = [lease.run_id for lease in taken]
    assert sum(run_id in theirs for run_id in runs) <= 2
    rest = iter(lambda: claim(app), None)
    runs += [lease.run_id for lease in rest]
    assert sum(run_id in theirs for run_id in runs) == 2
    assert sorted(set(runs) & set(ours)) == ours
    used = {v.name: v.used for v in managing.list_limits(app, people.admin, large.id)}
    assert used[Limit.RUNS] == 2


@ON_ONE
def test_a_team_below_its_limit_again_has_the_next(app, people, teams):
    large, _ = teams
    managing.change_limits(app, people.admin, large.id, {"runs": 1})
    large.request(2)
    lease = claim(app)
    assert lease.is_limited
    assert claim(app) is None

    leases.hand_back(app, lease)

    assert claim(app) is not None


@ON_ONE
def test_work_of_kinds_that_a_worker_does_not_do_is_left(app, teams):
    large, _ = teams
    large.request()

    assert claim(app, kinds={"export"}) is None
    assert claim(app, kinds={"export", "import"}) is not None


@ON_ONE
def test_a_run_of_no_team_has_its_turn(app, people):
    with app.database.write() as session:
        run = Run(kind="restore", options={"user_id": people.admin.user_id})
        session.add(run)
        session.flush()
        number = run.id

    assert claim(app).run_id == number


def test_deliveries_go_to_the_team_that_had_least(app, people, teams):
    large, small = teams
    theirs, ours = large.place.add_export(), small.place.add_export()
    for team in teams:
        task = tasks.create_task(app, people.admin, team.place.project, {"n": 1})
        annotations.create_annotation(app, people.admin, task.id, {"result": []})
    turns.charge(app, large.id, 5)

    assert turns.choose_delivery(app, theirs.id) == (ours.id, small.id)
    assert turns.choose_delivery(app, ours.id) == (ours.id, small.id)

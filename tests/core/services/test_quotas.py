"""What a team may use: to the limit and no further, by however many at once."""

from __future__ import annotations

import orjson
import pytest

from labeldock.contract import BytesContent
from labeldock.contract.errors import InvalidInput, NotAllowed, NotFound
from labeldock.db.tables import Run
from labeldock.services import projects, runs, tasks, uploading
from labeldock.services.accounts import members, organizations
from labeldock.services.audit_log import AuditFilter, list_entries
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.services.quotas import Limit, QuotaExceeded, managing
from labeldock.services.working import run_until_done
from tests.core.concurrency import run_at_once

BLOBS = {"use_blob_urls": True, "recursive_scan": True}
ON_ONE = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)


@pytest.fixture
def admin(people):
    return people.admin


def find_team(place):
    view = projects.get_project(place.app, place.owner, place.project)
    return view.organization_id


@pytest.fixture
def limit(place, admin):
    """Set limits of the place's team."""

    def change(**limits):
        return managing.change_limits(place.app, admin, find_team(place), limits)

    return change


def used(place, name):
    listed = managing.list_limits(place.app, None, find_team(place))
    return {view.name: view.used for view in listed}[name]


def count_tasks(place):
    return projects.get_project(place.app, place.owner, place.project).task_number


def create_task(place):
    return tasks.create_task(place.app, place.owner, place.project, {"n": 1})


# Imports


def test_an_import_stops_at_the_limit_and_keeps_what_it_has(place, bucket, limit):
    bucket.put_all({f"{n:02}": "x" for n in range(30)})
    storage = place.add(**BLOBS)
    limit(tasks=12)

    run = place.sync(storage)

    assert run.state == "failed"
    assert (run.problem["code"], run.problem["field"]) == ("quota_exceeded", "tasks")
    assert "raise the limit" in run.problem["remedy"]
    assert "12 tasks" in run.problem["message"]
    assert (run.counts["created"], count_tasks(place)) == (12, 12)
    assert place.show(storage).status == "failed"


def test_it_goes_on_by_itself_once_the_limit_is_raised(place, bucket, limit):
    bucket.put_all({f"{n:02}": "x" for n in range(30)})
    stopped = place.sync(place.add(**BLOBS)) if limit(tasks=12) else None

    limit(tasks=40)

    assert place.run(stopped.id).state == "queued"
    done = run_until_done(place.app, stopped.id, owner="test")
    assert (done.state, done.counts["created"]) == ("completed", 30)
    assert (count_tasks(place), done.counts["seen"]) == (30, 30)


@ON_ONE
def test_it_stays_where_it_is_while_there_is_no_room(place, bucket, limit):
    bucket.put_all({f"{n:02}": "x" for n in range(30)})
    limit(tasks=12)
    stopped = place.sync(place.add(**BLOBS))

    limit(tasks=5, projects=90)

    assert place.run(stopped.id).state == "failed"


@ON_ONE
def test_room_that_was_made_is_used_by_the_next_sync(place, bucket, limit):
    bucket.put_all({f"{n:02}": "x" for n in range(10)})
    storage = place.add(**BLOBS)
    limit(tasks=6)
    stopped = place.sync(storage)
    found = tasks.list_tasks(place.app, place.owner, tasks.TaskQuery(place.project))
    tasks.delete_task(place.app, place.owner, found.tasks[0].id)

    runs.retry_run(place.app, place.owner, stopped.id)
    run = run_until_done(place.app, stopped.id, owner="test")

    assert (run.state, count_tasks(place)) == ("failed", 6)
    assert run.counts["created"] == 7


@ON_ONE
def test_a_file_is_imported_whole_or_not_at_all(place, bucket, limit):
    for name in "abc":
        bucket.put(f"{name}.json", orjson.dumps([{"n": 1}] * 4))
    limit(tasks=10)

    run = place.sync(place.add(use_blob_urls=False))

    assert (run.state, run.counts["created"]) == ("failed", 8)
    assert count_tasks(place) == 8


def test_imports_in_two_projects_share_what_there_is(
    place, build_workplace, bucket, limit
):
    bucket.put_all({f"{n:02}": "x" for n in range(30)})
    other = build_workplace(place.app)
    limit(tasks=40)
    asked = [(each, each.request(each.add(**BLOBS))) for each in (place, other)]

    done = run_at_once(
        *(lambda i=i: run_until_done(place.app, i, owner="test") for _, i in asked)
    )

    assert 30 <= count_tasks(place) + count_tasks(other) <= 40
    assert sorted(run.state for run in done) == ["completed", "failed"]
    limit(tasks=0)
    done = [run_until_done(place.app, i, owner="test") for _, i in asked]
    assert {run.state for run in done} == {"completed"}
    assert (count_tasks(place), count_tasks(other)) == (30, 30)


@ON_ONE
def test_a_sync_that_brings_nothing_new_is_not_stopped(place, bucket, limit):
    bucket.put_all({f"{n}": "x" for n in range(5)})
    storage = place.add(**BLOBS)
    place.sync(storage)
    limit(tasks=2)

    assert place.sync(storage).state == "completed"
    assert count_tasks(place) == 5


@ON_ONE
def test_without_a_limit_nobody_is_stopped(place, bucket):
    bucket.put_all({f"{n}": "x" for n in range(5)})

    assert place.sync(place.add(**BLOBS)).state == "completed"


# What people add


def test_tasks_are_added_to_the_limit_by_however_many_at_once(place, limit):
    limit(tasks=5)

    made = run_at_once(*[lambda: create_task(place)] * 9)

    refused = [each for each in made if isinstance(each, QuotaExceeded)]
    assert (len(refused), count_tasks(place)) == (4, 5)


@ON_ONE
def test_posted_tasks_are_added_all_or_none(place, limit):
    limit(tasks=5)
    file = Posted("a.json", orjson.dumps([{"n": 1}] * 3), Kind.JSON)
    import_posted(place.app, place.owner, place.project, [file])

    with pytest.raises(QuotaExceeded, match=r"limit of 5 tasks .* it uses 3"):
        import_posted(place.app, place.owner, place.project, [file])

    assert count_tasks(place) == 3


def test_projects_are_added_to_the_limit(place, limit):
    limit(projects=used(place, Limit.PROJECTS) + 2)

    def add():
        return projects.create_project(place.app, place.owner, {"title": "More"})

    made = run_at_once(*[add] * 5)

    assert sum(isinstance(each, QuotaExceeded) for each in made) == 3


def test_storages_are_added_to_the_limit(place, bucket, limit):
    bucket.put("a", "x")
    limit(storages=2)

    made = run_at_once(*[lambda: place.add(**BLOBS)] * 4)

    assert sum(isinstance(each, QuotaExceeded) for each in made) == 2
    assert used(place, Limit.STORAGES) == 2


def test_members_are_added_to_the_limit(place, admin, people, limit):
    team = organizations.create_organization(place.app, admin, "New").id
    managing.change_limits(place.app, None, team, {"members": 2})
    add = [
        lambda user=user: members.add_member(
            place.app, admin, team, user.user_id, "member"
        )
        for user in (people.owner, people.stranger)
    ]

    made = run_at_once(*add)

    assert sum(isinstance(each, QuotaExceeded) for each in made) == 1
    assert len(members.list_members(place.app, admin, team)[0]) == 2


@ON_ONE
def test_bytes_are_kept_to_the_limit(place, limit):
    limit(bytes=10)

    def send(size):
        return uploading.save_upload(
            place.app, place.owner, place.project, "a.bin", BytesContent(b"x" * size)
        )

    send(10)
    with pytest.raises(QuotaExceeded) as caught:
        send(1)

    assert caught.value.field == "bytes"
    assert used(place, Limit.BYTES) == 10


# Limits


def test_the_settings_count_where_nothing_else_was_set(
    open_app, sqlite_installation, people
):
    app = open_app(sqlite_installation, team_max_tasks=7)
    team = 1
    shown = {v.name: v for v in managing.list_limits(app, people.admin, team)}

    managing.change_limits(app, people.admin, team, {"tasks": 0})
    own = {v.name: v for v in managing.list_limits(app, people.admin, team)}
    managing.change_limits(app, people.admin, team, {"tasks": None})
    again = {v.name: v for v in managing.list_limits(app, people.admin, team)}

    assert (shown[Limit.TASKS].limit, shown[Limit.TASKS].is_default) == (7, True)
    assert (own[Limit.TASKS].limit, own[Limit.TASKS].is_default) == (0, False)
    assert again == shown


@ON_ONE
def test_a_limit_below_what_is_used_takes_nothing_away(place, limit):
    for _ in range(3):
        create_task(place)

    limit(tasks=1)

    assert count_tasks(place) == 3
    with pytest.raises(QuotaExceeded):
        create_task(place)


@ON_ONE
def test_only_administrators_of_the_installation_change_limits(place, people):
    team = find_team(place)

    with pytest.raises(NotAllowed):
        managing.change_limits(place.app, place.owner, team, {"tasks": 1})
    with pytest.raises(NotFound):
        managing.change_limits(place.app, people.admin, 99, {"tasks": 1})


@pytest.mark.parametrize("bad", [{"tasks": -1}, {"tasks": 2**70}, {"beds": 1}])
def test_a_limit_that_is_none_is_refused_by_its_name(sqlite_place, admin, bad):
    team = find_team(sqlite_place)

    with pytest.raises(InvalidInput) as caught:
        managing.change_limits(sqlite_place.app, admin, team, bad)

    assert caught.value.field == next(iter(bad))


@ON_ONE
def test_changes_are_in_the_audit_log(place, admin, limit):
    limit(tasks=5)
    limit(tasks=5)
    limit(tasks=9)

    page = list_entries(place.app, admin, AuditFilter(action="organization.limits"))

    found = [entry.details for entry in page]
    assert [entry["limits"]["tasks"] for entry in found] == [9, 5]
    assert found[0]["before"] == {"tasks": 5}


def test_limits_that_count_are_told_with_their_use(place, limit):
    create_task(place)
    limit(tasks=5)

    told = managing.list_limited(place.app)

    team = find_team(place)
    assert [(t, v.name, v.limit, v.used) for t, v in told] == [(team, "tasks", 5, 1)]


@ON_ONE
def test_a_run_made_by_an_older_version_counts_for_its_project(place, bucket, limit):
    bucket.put_all({f"{n}": "x" for n in range(5)})
    run_id = place.request(place.add(**BLOBS))
    limit(tasks=2)
    with place.app.database.write() as session:
        session.get_one(Run, run_id).organization_id = None

    run = run_until_done(place.app, run_id, owner="test")

    assert (run.state, count_tasks(place)) == ("failed", 2)

"""How long archives are kept, when they are made by themselves, and full disks."""

from __future__ import annotations

import json
import resource
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.archives import BackgroundRequest
from labeldock.services import projects, runs
from labeldock.services.backups import plans, requests
from labeldock.services.backups.downloads import open_archive
from labeldock.services.backups.housekeeping import tidy_up
from labeldock.services.backups.plans import PlanDraft, request_due_backups
from labeldock.services.backups.retention import sweep_requests
from labeldock.services.leases import claim_run
from labeldock.services.persistent.files import sweep_files
from labeldock.services.restoring.archives import InvalidArchive
from labeldock.services.restoring.archives import open_archive as open_file
from labeldock.services.restoring.checking import check_archive
from labeldock.services.working import run_until_done
from tests.core.backups.conftest import Backups

MIB = 1024 * 1024


def find_files(app, folder="archives"):
    path = app.settings.home / "files" / folder
    return sorted(p for p in path.rglob("*") if p.is_file())


def list_keys(bucket):
    return sorted(bucket.keys())


def test_an_archive_is_gone_when_its_time_is_over(backups):
    backups.fill(1)
    request, _ = backups.make()
    later = request.expires_at + timedelta(seconds=1)
    assert len(find_files(backups.app)) == 1

    assert sweep_requests(backups.app, later) == 1
    assert sweep_files(backups.app, later) == 1

    assert find_files(backups.app) == []
    with pytest.raises(NotFound):
        backups.show(request)


def test_the_archive_before_goes_when_the_same_is_asked_for_again(sqlite_backups):
    sqlite_backups.fill(1)
    sqlite_backups.make()
    before = find_files(sqlite_backups.app)

    sqlite_backups.make()
    tidy_up(sqlite_backups.app)

    assert len(find_files(sqlite_backups.app)) == 1
    assert find_files(sqlite_backups.app) != before


def test_archives_go_with_their_project(sqlite_backups):
    sqlite_backups.fill(1)
    sqlite_backups.make()

    projects.delete_project(
        sqlite_backups.app, sqlite_backups.owner, sqlite_backups.project
    )
    tidy_up(sqlite_backups.app)

    assert find_files(sqlite_backups.app) == []


def test_a_cancelled_backup_leaves_nothing(sqlite_backups, provider):
    app = sqlite_backups.app
    sqlite_backups.fill(2)
    request = sqlite_backups.ask()

    def cancel(_request):
        provider.before.clear()
        requests.cancel_request(app, sqlite_backups.owner, request.id)

    provider.before["get_data"] = cancel
    run = run_until_done(app, request.run_id, owner="test")
    tidy_up(app)

    assert run.state == "cancelled"
    assert sqlite_backups.leftovers() == find_files(app) == []


def test_what_a_killed_worker_left_is_removed(sqlite_backups):
    app = sqlite_backups.app
    sqlite_backups.fill(1)
    request = sqlite_backups.ask()
    lease = claim_run(app, "dead", request.run_id)
    held = app.settings.home / "work" / f"backup-{lease.run_id}-{lease.token}"
    left = held.with_name(f"backup-{lease.run_id}-{lease.token - 1}")
    for path in (held, left):
        path.mkdir(parents=True)
        (path / "archive").write_bytes(b"half")

    tidy_up(app)

    assert held.exists()
    assert not left.exists()


# By itself


def plan(backups, **values):
    draft = PlanDraft("@hourly", lightweight=True, **values)
    return plans.save_plan(backups.app, backups.owner, backups.project, draft)


def fire(backups, hours):
    """What is due then is asked for, and made; how many were."""
    now = datetime.now(UTC) + timedelta(hours=hours)
    count = request_due_backups(backups.app, now)
    for run in runs.list_runs(backups.app, backups.owner, backups.project):
        if run.is_active:
            run_until_done(backups.app, run.id, owner="test")
    return count


def test_a_plan_makes_backups_and_keeps_the_last(backups):
    backups.fill(1)
    plan(backups, keep_count=2)

    fired = [fire(backups, hours) for hours in (0, 1, 2, 3, 4)]
    tidy_up(backups.app)

    assert fired == [0, 1, 1, 1, 1]
    kept = requests.list_requests(
        backups.app, backups.owner, project_id=backups.project
    )
    assert [(each.is_scheduled, each.status) for each in kept] == [
        (True, "finished")
    ] * 2
    assert len(find_files(backups.app)) == 2
    assert all(each.expires_at is None for each in kept)


def test_a_plan_fires_once_however_many_poll(sqlite_backups):
    plan(sqlite_backups)
    now = datetime.now(UTC) + timedelta(hours=1)

    counts = [request_due_backups(sqlite_backups.app, now) for _ in range(3)]

    assert counts == [1, 0, 0]


def test_a_plan_keeps_backups_in_a_bucket(sqlite_backups, bucket):
    target = sqlite_backups.place.add_export(prefix="kept", export_on_save=False)
    plan(
        sqlite_backups,
        keep_count=1,
        location="cloud_storage",
        storage_id=target.id,
        filename="birds/",
    )

    assert fire(sqlite_backups, 1) == 1
    (first,) = list_keys(bucket)
    time.sleep(1.1)  # names tell seconds
    assert fire(sqlite_backups, 2) == 1
    tidy_up(sqlite_backups.app)

    (second,) = list_keys(bucket)
    assert first.startswith("kept/birds/project_birds_backup")
    assert first < second


def test_an_archive_that_took_anothers_place_stays(sqlite_backups, bucket):
    target = sqlite_backups.place.add_export(export_on_save=False)
    values = {"location": "cloud_storage", "storage_id": target.id}
    requests_ = []
    for task_ids in (None, [sqlite_backups.add_task()]):
        request = sqlite_backups.ask(filename="x.zip", task_ids=task_ids, **values)
        sqlite_backups.work(request)
        requests_.append(request)
    with sqlite_backups.app.database.write() as session:
        row = session.get(BackgroundRequest, sqlite_backups.row(requests_[0]).id)
        row.expires_at = datetime.now(UTC)

    assert sweep_requests(sqlite_backups.app) == 1

    assert list_keys(bucket) == ["x.zip"]


@pytest.mark.parametrize(
    "values", [{"schedule": "now"}, {"keep_count": 0}, {"filename": "a/../"}]
)
def test_a_plan_that_cannot_be_is_refused(sqlite_backups, values):
    draft = PlanDraft(**{"schedule": "@daily", "lightweight": False, **values})

    with pytest.raises(InvalidInput) as caught:
        plans.save_plan(
            sqlite_backups.app, sqlite_backups.owner, sqlite_backups.project, draft
        )

    assert caught.value.field in {*values}


# Another place


def test_persistent_storage_can_be_a_bucket(
    open_app, sqlite_installation, build_workplace, bucket
):
    setting = {"type": "memory", "bucket": "media", "prefix": "own"}
    app = open_app(sqlite_installation, persistent_storage=json.dumps(setting))
    backups = Backups(build_workplace(app), bucket)
    backups.fill(2)

    request, made = backups.make()

    keys = [key for key in list_keys(bucket) if key.startswith("own/archives/")]
    assert len(keys) == 1
    assert bucket.read(keys[0]) == made.data
    stream = open_archive(
        app, backups.owner, request.id, target="project", target_id=backups.project
    )
    assert stream.is_download
    assert find_files(app) == []


# Full disks


@pytest.fixture
def _small_files():
    """No file may grow beyond 6 MiB, as if the disk was full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 * MIB, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_small_files")
def test_a_disk_that_is_full_while_writing_leaves_nothing(sqlite_backups, bucket):
    bucket.put_all({f"{n}.jpg": bytes(3 * MIB) for n in range(4)})
    storage = sqlite_backups.place.add(use_blob_urls=True, recursive_scan=True)
    sqlite_backups.place.sync(storage)

    request = sqlite_backups.ask()
    run = sqlite_backups.work(request)
    tidy_up(sqlite_backups.app)

    assert run.state == "failed"
    assert "no space left" in sqlite_backups.show(request).message
    assert sqlite_backups.leftovers() == find_files(sqlite_backups.app) == []


def test_space_is_looked_at_first(sqlite_backups, bucket, provider, monkeypatch):
    sqlite_backups.fill(2)
    provider.calls.clear()
    usage = shutil.disk_usage("/")._replace(free=1 * MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    run = sqlite_backups.work(sqlite_backups.ask())

    assert (run.state, run.problem["code"]) == ("failed", "no_space")
    assert not provider.calls


# Checking


def test_an_archive_is_verified_or_found_wanting(sqlite_backups, tmp_path):
    sqlite_backups.fill(3)
    sqlite_backups.annotate(sqlite_backups.tasks()[1].id)
    _, made = sqlite_backups.make()
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(made.data)
    bad.write_bytes(made.data.replace(b"picture 1", b"picture X"))

    with open_file(good, sqlite_backups.app.settings) as archive:
        checked = check_archive(archive, lambda: None)
    assert checked.manifest == made.manifest
    with (
        pytest.raises(InvalidArchive, match=r"media/000000002\.jpg"),
        open_file(bad, sqlite_backups.app.settings) as archive,
    ):
        check_archive(archive, lambda: None)


def test_a_request_that_came_to_nothing_is_shown_for_a_month(sqlite_backups, bucket):
    sqlite_backups.fill(1)
    bucket.remove("0.jpg")
    request = sqlite_backups.ask()
    sqlite_backups.work(request)
    now = datetime.now(UTC)

    assert sweep_requests(sqlite_backups.app, now + timedelta(days=29)) == 0
    assert sweep_requests(sqlite_backups.app, now + timedelta(days=31)) == 1

"""Restoring over HTTP: sent in pieces, as one body, or out of a bucket."""

from __future__ import annotations

import socket

import pytest
from sqlmodel import select

from labeldock.contract import Purpose
from labeldock.db.archives import BackgroundRequest
from labeldock.services import leases, projects, runs, tasks
from labeldock.services.restoring.project import sweep_restores
from labeldock.services.working import run_until_done, work_slice
from tests.system.backup_places import Backups

PATH = "/api/projects/backup"
ZIP = {"Content-Type": "application/zip"}
PIECE = {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def archive(put_object, connect, sync, backups, project):
    for name in ("a.jpg", "b.jpg"):
        put_object(f"p/{name}", name.encode() * 100)
    sync(connect(prefix="p"))
    return backups.make(project.id, lightweight=True)


def finish(app, rq_id):
    """Do the work of a request; its row."""
    with app.database.read() as session:
        query = select(BackgroundRequest).where(BackgroundRequest.rq_id == rq_id)
        run_id = session.exec(query).one().run_id
    run_until_done(app, run_id, owner="test")
    with app.database.read() as session:
        return session.exec(query).one()


def test_an_archive_is_sent_as_the_body(app, client, auth, archive, backups, project):
    answer = client.post(f"{PATH}/", content=archive, headers={**auth, **ZIP})

    assert answer.status_code == 202, answer.json()
    done = finish(app, answer.json()["rq_id"])
    assert backups.describe(done.result_id) == backups.describe(project.id)
    assert not list((app.settings.home / "work").glob("incoming-*"))


def test_an_upload_that_broke_off_goes_on_where_it_did(
    app, client, auth, archive, backups, project
):
    length = {"Upload-Length": str(len(archive)), "Tus-Resumable": "1.0.0"}
    made = client.post(f"{PATH}/uploads", headers={**auth, **length})
    place, half = made.headers["Location"], len(archive) // 2
    first = client.patch(
        place, content=archive[:half], headers={**auth, **PIECE, "Upload-Offset": "0"}
    )

    twice = client.patch(
        place, content=archive[:half], headers={**auth, **PIECE, "Upload-Offset": "0"}
    )
    early = client.post(f"{PATH}?upload={place[-32:]}", headers=auth)
    here = client.head(place, headers=auth).headers["Upload-Offset"]
    second = client.patch(
        place,
        content=archive[int(here) :],
        headers={**auth, **PIECE, "Upload-Offset": here},
    )
    asked = client.post(f"{PATH}?upload={place[-32:]}", headers=auth)

    assert made.status_code == 201
    assert (first.status_code, second.status_code) == (204, 204)
    assert int(here) == half
    assert twice.status_code == 409
    assert early.status_code == 400
    done = finish(app, asked.json()["rq_id"])
    assert backups.describe(done.result_id) == backups.describe(project.id)


def test_nobody_sees_or_continues_the_upload_of_somebody_else(
    client, auth, stranger, archive
):
    headers = {"Upload-Length": str(len(archive))}
    place = client.post(f"{PATH}/uploads", headers={**auth, **headers}).headers[
        "Location"
    ]
    theirs = stranger.headers
    piece = {**theirs, **PIECE, "Upload-Offset": "0"}

    assert client.get(place, headers=theirs).status_code == 404
    assert client.patch(place, content=b"x", headers=piece).status_code == 404
    assert client.delete(place, headers=theirs).status_code == 404
    asked = client.post(f"{PATH}?upload={place[-32:]}", headers=theirs)
    assert asked.status_code == 404
    assert client.delete(place, headers=auth).status_code == 204
    assert client.get(place, headers=auth).status_code == 404


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 400),
        ("?location=cloud_storage", {}, 400),
        ("?cloud_storage_id=9999&filename=a.zip", {}, 400),
        ("?cloud_storage_id=x", {}, 400),
        ("?location=moon", {}, 400),
        ("?upload=none", {}, 404),
        ("", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_a_request_that_says_nothing_useful_is_refused(
    app, client, auth, query, headers, status
):
    body = b"x" if headers else b""

    answer = client.post(PATH + query, content=body, headers={**auth, **headers})

    assert answer.status_code == status, answer.json()
    work = app.settings.home / "work"
    assert not work.exists() or not list(work.glob("incoming-*"))


@pytest.mark.parametrize("length", ["0", "-1", "x", str(2**60)])
def test_an_upload_of_no_sensible_length_is_refused(client, auth, length):
    answer = client.post(f"{PATH}/uploads", headers={**auth, "Upload-Length": length})

    assert answer.status_code == 400


def test_more_than_was_announced_is_refused(client, auth):
    headers = {**auth, "Upload-Length": "3"}
    place = client.post(f"{PATH}/uploads", headers=headers).headers["Location"]

    piece = {**auth, **PIECE, "Upload-Offset": "0"}
    answer = client.patch(place, content=b"four", headers=piece)

    assert answer.status_code == 400
    assert client.head(place, headers=auth).headers["Upload-Offset"] == "0"


def test_an_archive_in_a_bucket_is_restored_from_there(
    app, client, auth, archive, backups, project, connect, put_object, stranger
):
    storage = connect(Purpose.EXPORT, prefix="archives")
    put_object("archives/birds/a.zip", archive)
    query = f"?location=cloud_storage&cloud_storage_id={storage.id}"

    answer = client.post(f"{PATH}{query}&filename=birds/a.zip", headers=auth)
    missing = client.post(f"{PATH}{query}&filename=none.zip", headers=auth)
    theirs = client.post(f"{PATH}{query}&filename=a.zip", headers=stranger.headers)

    done = finish(app, answer.json()["rq_id"])
    assert backups.describe(done.result_id) == backups.describe(project.id)
    assert finish(app, missing.json()["rq_id"]).result_id is None
    assert theirs.status_code in {400, 403}


def test_a_project_is_nowhere_to_be_seen_until_it_is_whole(
    app, client, auth, owner, admin, archive, backups
):
    from labeldock.services.restoring.asking import restore_upload

    before = {p["id"] for p in list_projects(client, auth)}
    view = restore_upload(app, owner.principal, backups.send(archive))
    lease = leases.claim_run(app, "test", view.run_id)
    seen = []

    def look(event):
        with app.database.read() as session:
            hidden = [
                p.id
                for p in session.exec(select(projects.Project))
                if p.restoring_run_id is not None
            ]
        seen.append(
            (
                hidden,
                list_projects(client, admin.headers),
                hidden
                and client.get(f"/api/projects/{hidden[0]}", headers=admin.headers),
            )
        )

    from labeldock.services.restoring import work

    original = work.copy_media
    work_copy = lambda *args: (look(None), original(*args))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "copy_media", work_copy)
        work_slice(app, lease)

    (hidden, shown, answer) = seen[0]
    assert hidden
    assert {p["id"] for p in shown} == before
    assert answer.status_code == 404
    assert {p["id"] for p in list_projects(client, auth)} == before | set(hidden)


def list_projects(client, auth):
    return client.get("/api/projects", headers=auth).json()["results"]


def test_a_restore_that_was_cancelled_leaves_nothing(
    app, client, auth, owner, archive, backups
):
    from labeldock.services.restoring import work
    from labeldock.services.restoring.asking import restore_upload

    view = restore_upload(app, owner.principal, backups.send(archive))
    before = count_projects(app)
    original = work.copy_media

    def cancel(*args):
        runs.cancel_run(app, owner.principal, view.run_id)
        return original(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "copy_media", cancel)
        run = run_until_done(app, view.run_id, owner="test")

    assert run.state == "cancelled"
    assert count_projects(app) == before + 1
    assert sweep_restores(app) == 1
    assert count_projects(app) == before
    again = runs.retry_run(app, owner.principal, view.run_id)
    assert run_until_done(app, again.id, owner="test").state == "completed"


def count_projects(app):
    with app.database.read() as session:
        return len(session.exec(select(projects.Project.id)).all())


def test_a_lightweight_restore_asks_nobody_on_the_network(
    app, owner, archive, backups, memory, monkeypatch
):
    opened = []
    monkeypatch.setattr(socket.socket, "connect", lambda *a: opened.append(a))
    memory._buckets.clear()

    restored = backups.restored(archive)
    again = backups.make(restored, lightweight=True)

    assert not opened
    assert backups.describe(backups.restored(again)) == backups.describe(restored)
    page = tasks.list_tasks(app, owner.principal, tasks.TaskQuery(restored))
    assert len(page.tasks) == 2
    print(f"sockets opened by restore, backup and restore: {len(opened)}")  # noqa: T201


def test_a_full_disk_leaves_nothing_behind(
    app, client, auth, archive, backups, monkeypatch
):
    from labeldock.services.backups import workplaces

    before = count_projects(app)
    usage = type("Usage", (), {"free": 1024})
    token = backups.send(archive)
    monkeypatch.setattr(workplaces.shutil, "disk_usage", lambda _: usage)

    answer = client.post(f"{PATH}?upload={token}", headers=auth)
    done = finish(app, answer.json()["rq_id"])

    assert done.result_id is None
    run = runs.get_run(app, backups.principal, done.run_id)
    assert run.problem["code"] == "no_space"
    assert count_projects(app) == before


@pytest.mark.parametrize("name", ["projects", "tasks"])
def test_a_restore_that_a_team_has_no_room_for_leaves_nothing(
    app, client, auth, owner, admin, archive, backups, name
):
    from labeldock.services.quotas import managing
    from labeldock.services.restoring.asking import restore_upload

    before = list_projects(client, auth)
    used = {v.name: v.used for v in managing.list_limits(app, None, 1)}[name]
    managing.change_limits(app, admin.principal, 1, {name: used})

    view = restore_upload(app, owner.principal, backups.send(archive))
    run = run_until_done(app, view.run_id, owner="test")

    assert (run.state, run.problem["code"]) == ("failed", "quota_exceeded")
    assert run.problem["field"] == name
    sweep_restores(app)
    assert list_projects(client, auth) == before

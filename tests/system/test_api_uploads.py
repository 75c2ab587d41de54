"""Files that people upload: tasks of them, served as media, in backups, removed."""

from __future__ import annotations

import io
import json
import resource
import zipfile

import pytest

from labeldock.contract import BytesContent
from labeldock.services import projects
from labeldock.services.persistent.files import sweep_files
from labeldock.services.persistent.folder import NoSpace
from labeldock.services.uploading import save_upload
from labeldock.services.working import run_until_done
from labeldock.web.problems import find_status

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def upload(client, auth, project):
    def send(*files):
        return client.post(
            f"/api/projects/{project.id}/import",
            headers=auth,
            files=[("file", file) for file in files],
        )

    return send


def get_tasks(client, auth, project):
    path = f"/api/tasks/?project={project.id}"
    return client.get(path, headers=auth).json()["tasks"]


def test_a_picture_becomes_a_task_that_shows_it(client, auth, project, upload):
    answer = upload(("my cat (1).PNG", PNG))

    (task,) = get_tasks(client, auth, project)
    path = task["data"]["image"]
    shown = client.get(path, headers=auth)
    part = client.get(path, headers={**auth, "Range": "bytes=0-3"})
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["file_upload_ids"]) == 1
    assert path.startswith(f"/data/upload/{project.id}/")
    assert path.endswith("-my_cat_1_.PNG")
    assert (shown.status_code, shown.content) == (200, PNG)
    assert shown.headers["content-type"] == "image/png"
    assert (part.status_code, part.content) == (206, PNG[:4])
    assert client.get(path).status_code == 401


def test_files_of_tasks_and_pictures_come_together_or_not_at_all(
    app, client, auth, project, upload
):
    good = upload(("a.png", PNG), ("b.json", b'[{"image": "x"}]'))
    bad = upload(("c.png", PNG), ("d.json", b"[{"))

    assert (good.status_code, good.json()["task_count"]) == (201, 2)
    assert bad.status_code == 400
    listed = client.get(f"/api/projects/{project.id}/file-uploads", headers=auth)
    assert [each["file"].rpartition("-")[2] for each in listed.json()] == ["a.png"]
    assert len(list((app.settings.home / "files" / "uploads").rglob("*.png"))) == 1


def test_what_could_run_is_not_shown(client, auth, project, upload):
    upload(("a.html", b"<script>alert(1)</script>"), ("b.svg", b"<svg/>"))

    for task in get_tasks(client, auth, project):
        answer = client.get(task["data"]["image"], headers=auth)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_others_do_not_see_it(client, auth, project, upload, stranger):
    upload(("a.png", PNG))
    (task,) = get_tasks(client, auth, project)

    answer = client.get(task["data"]["image"], headers=stranger.headers)

    assert answer.status_code in {403, 404}
    wrong = f"/data/upload/{project.id}/..%2f..%2flabeldock.sqlite3"
    assert client.get(wrong, headers=auth).status_code == 404


@pytest.mark.parametrize("query", ["", "?lightweight=true"])
def test_uploads_are_in_backups_of_either_kind(
    app, client, auth, project, upload, connect, sync, put_object, query
):
    upload(("a.png", PNG))
    put_object("gull.jpg", b"a gull")
    sync(connect())

    asked = client.post(
        f"/api/projects/{project.id}/backup/export{query}", headers=auth
    )
    request = client.get(f"/api/requests/{asked.json()['rq_id']}", headers=auth).json()
    run_until_done(app, request["run"], owner="test")
    request = client.get(f"/api/requests/{request['id']}", headers=auth).json()

    content = client.get(request["result_url"], headers=auth).content
    archive = zipfile.ZipFile(io.BytesIO(content))
    (upload_line,) = archive.read("uploads.jsonl").splitlines()
    assert archive.read(json.loads(upload_line)["entry"]) == PNG
    media = [name for name in archive.namelist() if name.startswith("media/")]
    assert len(media) == (0 if query else 1)


def test_files_go_with_their_project(app, client, auth, project, upload, owner):
    upload(("a.png", PNG))
    folder = app.settings.home / "files" / "uploads"
    assert len(list(folder.rglob("*.png"))) == 1

    projects.delete_project(app, owner.principal, project.id)
    removed = sweep_files(app)

    assert removed == 1
    assert list(folder.rglob("*.png")) == []


# Pictures of users


def test_a_user_has_a_picture_until_there_is_another(app, client, auth, stranger):
    path = "/api/users/2/avatar"
    send = {"headers": auth, "files": {"avatar": ("me.png", PNG)}}

    first = client.post(path, **send).json()["avatar"]
    second = client.post(path, **send).json()["avatar"]

    shown = client.get(second, headers=auth)
    who = client.get("/api/current-user/whoami", headers=auth).json()
    assert (shown.status_code, shown.content) == (200, PNG)
    assert who["avatar"] == second != first
    assert client.get(first, headers=auth).status_code == 404
    assert client.post(path, **{**send, "headers": stranger.headers}).status_code == 403
    assert sweep_files(app) == 1
    assert client.delete(path, headers=auth).status_code == 204
    assert client.get(second, headers=auth).status_code == 404


def test_a_picture_of_a_user_is_a_picture(client, auth):
    send = {"files": {"avatar": ("me.png", b"<svg/>")}}

    answer = client.post("/api/users/2/avatar", headers=auth, **send)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["avatar"]


def test_a_disk_without_room_is_told(app, client, auth, project, owner):
    limit = 8 * 1024 * 1024  # beyond the database, and below the picture
    content = BytesContent(bytes(limit + 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(NoSpace) as caught:
            save_upload(app, owner.principal, project.id, "a.png", content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert find_status(caught.value) == 424
    listed = client.get(f"/api/projects/{project.id}/file-uploads", headers=auth)
    assert listed.json() == []
    assert not list((app.settings.home / "files").rglob("*.png"))

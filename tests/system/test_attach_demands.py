"""What was asked of restored and attached backups elsewhere: R11 to R19, R28, R30.

The others are in `test_backup_demands`, or in docs/explanation/backups.md, with why.
"""

from __future__ import annotations

import pytest
import structlog

from labeldock.services import tasks
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.backups.requests import get_request
from labeldock.services.slots.attaching import AttachOrder, attach_storage
from labeldock.services.working import run_until_done
from tests.system.backup_places import Backups, render_uri

TEXT = "The storage of this media is not connected."


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def restored(put_object, connect, sync, backups, project):
    """A project that came out of a lightweight backup, and has no storage."""
    for name in ("a.jpg", "b.jpg"):
        put_object(f"p/{name}", name.encode() * 100, "image/jpeg")
    sync(connect(prefix="p"))
    return backups.restored(backups.make(project.id, lightweight=True))


@pytest.fixture
def attached(app, owner, restored, connect_to):
    """A storage for it."""
    return connect_to(restored)


@pytest.fixture
def connect_to(app, owner):
    from labeldock.contract import Purpose
    from labeldock.services import storages
    from labeldock.services.storage_fields import StorageDraft

    def connect(project_id, bucket="media", prefix="p"):
        values = {"bucket": bucket, "prefix": prefix, "use_blob_urls": True}
        values |= {"presign": False}
        draft = StorageDraft(project_id, Purpose.IMPORT, "memory", values)
        return storages.add_storage(app, owner.principal, draft)

    return connect


def list_ways(backups, project_id):
    """Every address under which media of a task are asked for."""
    page = tasks.list_tasks(backups.app, backups.principal, tasks.TaskQuery(project_id))
    task = page.tasks[0]
    uri = render_uri(next(iter(task.data.values())))
    for verb in ("resolve", "presign"):
        yield f"/tasks/{task.id}/{verb}/?fileuri={uri}"
        yield f"/projects/{project_id}/{verb}/?fileuri={uri}"
    yield f"/tasks/{task.id}/resolve/?fileuri={uri}&size=200"


def test_r11_r12_every_way_to_detached_media_answers_409(
    client, auth, backups, restored
):
    ways = list(list_ways(backups, restored))
    answers = [client.get(way, headers=auth) for way in ways]
    heads = [client.head(way, headers=auth) for way in ways]
    part = client.get(ways[0], headers={**auth, "Range": "bytes=0-9"})

    assert {a.status_code for a in (*answers, *heads, part)} == {409}


def test_r12_full_backups_of_it_fail_with_the_same_text(app, owner, restored):
    ask = BackupAsk(restored, lightweight=False)
    asked = request_backup(app, owner.principal, ask)

    run = run_until_done(app, asked.run_id, owner="test")

    assert run.state == "failed"
    assert run.problem["message"].startswith(TEXT)
    view = get_request(app, owner.principal, asked.id)
    assert (view.status, view.has_file) == ("failed", False)


def test_r13_the_text_is_fixed_and_the_log_has_the_rest(
    client, auth, backups, restored
):
    with structlog.testing.capture_logs() as entries:
        answers = [client.get(w, headers=auth) for w in list_ways(backups, restored)]

    texts = {answer.json()["detail"] for answer in answers}
    assert len(texts) == 1
    assert texts.pop().startswith(TEXT)
    noted = [e for e in entries if e["event"] == "media_not_connected"]
    assert len(noted) == len(answers)
    assert {"slot_id", "uri", "part_id"} <= noted[0].keys()


def test_r14_pages_of_it_open_without_an_error(client, owner, auth, restored):
    answer = client.get(f"/api/projects/{restored}", headers=auth)
    page = client.get(f"/api/tasks?project={restored}", headers=auth)

    assert (answer.status_code, page.status_code) == (200, 200)
    assert len(page.json()["tasks"]) == 2


def test_r14_annotations_and_exports_work_while_it_waits(
    client, auth, backups, restored
):
    page = client.get(f"/api/tasks?project={restored}", headers=auth).json()
    task = page["tasks"][0]["id"]

    made = client.post(
        f"/api/tasks/{task}/annotations", json={"result": []}, headers=auth
    )
    export = client.get(
        f"/api/projects/{restored}/export?exportType=JSON", headers=auth
    )
    again = backups.restored(backups.make(restored, lightweight=True))

    assert (made.status_code, export.status_code) == (201, 200)
    assert backups.describe(again) == backups.describe(restored)


def test_r15_a_storage_that_is_not_available_is_not_attached(
    client, auth, restored, attached, memory
):
    memory._buckets.clear()
    path = f"/api/projects/{restored}/data/meta"

    answer = client.patch(path, json={"cloud_storage_id": attached.id}, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["cloud_storage_id"]


def test_r16_tasks_have_no_field_for_it(client, auth, restored, attached):
    page = client.get(f"/api/tasks?project={restored}", headers=auth).json()
    path = f"/api/tasks/{page['tasks'][0]['id']}"

    answer = client.patch(path, json={"data_storage": attached.id}, headers=auth)

    assert "data_storage" in answer.headers["x-labeldock-ignored-fields"]
    meta = client.get(f"/api/projects/{restored}/data/meta", headers=auth).json()
    assert [slot["state"] for slot in meta["slots"] if slot["id"]] == ["detached"]


def test_r17_nothing_of_the_old_storage_is_served_after_replacing_it(
    app,
    client,
    auth,
    owner,
    backups,
    restored,
    attached,
    memory,
    put_object,
    connect_to,
):
    attach_storage(app, owner.principal, AttachOrder(restored, attached.id))
    way = next(list_ways(backups, restored))
    old = client.get(way, headers=auth)
    memory.create_bucket("newer")
    put_object("p/a.jpg", b"other bytes", "image/jpeg", bucket="newer")
    newer = connect_to(restored, "newer")

    attach_storage(app, owner.principal, AttachOrder(restored, newer.id))
    new = client.get(way, headers={**auth, "If-None-Match": old.headers["etag"]})

    assert old.content == b"a.jpg" * 100
    assert (new.status_code, new.content) == (200, b"other bytes")


def test_r18_r28_meta_says_kind_and_storage_for_project_and_task_alike(
    app, client, auth, owner, restored, attached
):
    page = client.get(f"/api/tasks?project={restored}", headers=auth).json()
    paths = [
        f"/api/projects/{restored}/data/meta",
        f"/api/tasks/{page['tasks'][0]['id']}/data/meta",
    ]
    attach_storage(app, owner.principal, AttachOrder(restored, attached.id))

    found = [client.get(path, headers=auth).json() for path in paths]

    assert {meta["storage"] for meta in found} == {"cloud_storage"}
    assert {meta["cloud_storage_id"] for meta in found} == {attached.id}
    assert found[0]["slots"][0] == found[1]["slots"][0]


def test_r19_saying_nothing_changes_nothing(client, auth, restored):
    path = f"/api/projects/{restored}/data/meta"
    before = client.get(path, headers=auth).json()

    answer = client.patch(path, json={}, headers=auth)

    assert answer.status_code == 400
    assert client.get(path, headers=auth).json() == before

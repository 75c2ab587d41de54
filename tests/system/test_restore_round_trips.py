"""What is backed up comes back: tasks, annotations, and media byte by byte."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Annotation
from labeldock.services import access, annotations, predictions, projects, tasks
from labeldock.services.persistent.files import sweep_files
from tests.system.backup_places import Backups, render_uri

NAMES = ("gull.jpg", "tern.jpg", 'odd "name"\n.jpg')
OTHER = "copy"


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def labelled(app, owner, project, put_object, connect, sync):
    """A project with objects, annotations, a prediction, and a posted task."""
    for name in NAMES:
        put_object(f"old/{name}", name.encode() * 10)
    put_object("elsewhere/kite.jpg", b"kite" * 10)
    storage = connect(prefix="old", presign=False)
    sync(storage)
    connect(prefix="elsewhere", presign=False)
    data = {"image": "memory://media/elsewhere/kite.jpg", "text": "ünï\u2028code"}
    tasks.create_task(app, owner.principal, project.id, data)
    page = tasks.list_tasks(app, owner.principal, tasks.TaskQuery(project.id))
    first, second = page.tasks[:2]
    result = [{"type": "choices", "value": {"choices": ["gull"]}}]
    for task, values in (
        (first, {"result": result, "lead_time": 1.5, "ground_truth": True}),
        (first, {"result": [], "was_cancelled": True}),
        (second, {"result": result}),
    ):
        annotations.create_annotation(app, owner.principal, task.id, values)
    values = {"result": result, "score": 0.25, "model_version": "m1"}
    predictions.create_prediction(app, owner.principal, first.id, values)
    return storage


def fetch_all(client, auth, backups, project_id):
    """The bytes of all media of a project, and their types, by the URI."""
    page = tasks.list_tasks(backups.app, backups.principal, tasks.TaskQuery(project_id))
    found = {}
    for task in page.tasks:
        uri = task.data["image"] if "image" in task.data else task.data["$undefined$"]
        url = f"/tasks/{task.id}/resolve/?fileuri={render_uri(uri)}"
        answer = client.get(url, headers=auth)
        found[uri] = (answer.status_code, answer.content)
    return found


def test_a_full_backup_comes_back_without_any_bucket(
    app, client, auth, backups, project, labelled, memory
):
    before = backups.describe(project.id)
    media = fetch_all(client, auth, backups, project.id)

    archive = backups.make(project.id, lightweight=False)
    memory._buckets.clear()
    restored = backups.restored(archive)

    assert backups.describe(restored) == before
    assert fetch_all(client, auth, backups, restored) == media
    meta = client.get(f"/api/projects/{restored}/data/meta", headers=auth).json()
    assert meta["storage"] == "local"
    assert {slot["state"] for slot in meta["slots"]} == {"kept"}


def test_a_restored_full_backup_gives_the_same_archive_again(
    backups, project, labelled
):
    archive = backups.make(project.id, lightweight=False)

    again = backups.make(backups.restored(archive), lightweight=False)

    assert backups.describe(backups.restored(again)) == backups.describe(project.id)


def test_a_lightweight_backup_comes_back_and_waits_for_a_storage(
    app, client, auth, backups, project, labelled, memory
):
    before = backups.describe(project.id)
    media = fetch_all(client, auth, backups, project.id)

    restored = backups.restored(backups.make(project.id, lightweight=True))

    assert backups.describe(restored) == before
    found = fetch_all(client, auth, backups, restored)
    assert found.keys() == media.keys()
    assert {status for status, _ in found.values()} == {409}


@pytest.mark.parametrize("lightweight", [True, False])
def test_uploaded_files_come_back_under_the_new_project(
    client, auth, backups, project, labelled, lightweight
):
    path = f"/api/projects/{project.id}/import"
    sent = client.post(
        path, headers=auth, files=[("file", ("cat.png", b"\x89PNG" * 9))]
    )
    assert sent.status_code == 201, sent.text

    restored = backups.restored(backups.make(project.id, lightweight=lightweight))

    page = tasks.list_tasks(backups.app, backups.principal, tasks.TaskQuery(restored))
    (uploaded,) = [
        value
        for task in page.tasks
        for value in task.data.values()
        if value.startswith("/data/upload/")
    ]
    assert uploaded.startswith(f"/data/upload/{restored}/")
    assert client.get(uploaded, headers=auth).content == b"\x89PNG" * 9


def test_a_member_keeps_the_name_and_a_stranger_s_is_left_out(
    app, backups, project, labelled, admin
):
    leaver = access.create_user(app, "leaver@example.org", "leaver-password")
    page = tasks.list_tasks(app, backups.principal, tasks.TaskQuery(project.id))
    last = page.tasks[-1]
    for somebody in (admin.principal, leaver):
        values = {"result": []}
        said = annotations.create_annotation(app, backups.principal, last.id, values)
        with app.database.write() as session:
            session.get_one(Annotation, said.id).completed_by_id = somebody.user_id
    archive = backups.make(project.id, lightweight=True)
    with app.database.write() as session:
        column = OrganizationMember.user_id
        query = select(OrganizationMember).where(column == leaver.user_id)
        session.delete(session.exec(query).one())

    restored = backups.describe(backups.restored(archive))

    owner_id, names = backups.principal.user_id, [admin.principal.user_id, None]
    found = [[a["completed_by_id"] for a in task["annotations"]] for task in restored]
    assert sorted(map(len, found)) == [0, 1, 2, 2]
    assert found[-1] == names
    assert {each for task in found[:-1] for each in task} == {owner_id}


def test_what_was_restored_goes_with_its_project(app, backups, project, labelled):
    restored = backups.restored(backups.make(project.id, lightweight=False))
    folder = app.settings.home / "files" / "media"
    kept = [path for path in folder.rglob("*") if path.is_file()]

    projects.delete_project(app, backups.principal, restored)
    sweep_files(app)

    assert len(kept) == 4
    assert not [path for path in folder.rglob("*") if path.is_file()]

"""Projects of a running Label Studio come over by its API, once, and can be gone on."""

from __future__ import annotations

import base64
import shutil

import pytest
from sqlmodel import select

from labeldock.contract import Purpose
from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    LabeldockError,
    Unauthenticated,
    Unavailable,
)
from labeldock.db.slots import Reference, Slot
from labeldock.db.tables import Annotation, Prediction, Run, Task
from labeldock.services import annotations, projects, storages, tasks
from labeldock.services.label_studio.client import PAGE, Peer
from labeldock.services.label_studio.moving import move_project
from labeldock.services.slots.attaching import AttachOrder, attach_storage
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from tests.servers.label_studio import TOKEN, run_label_studio
from tests.system.conftest import BUCKET, LABEL_CONFIG
from tests.system.terminal import Terminal, fetch, read_address, stop

CHOICE = [{"from_name": "kind", "to_name": "image", "type": "choices", "value": {}}]


@pytest.fixture
def studio():
    with run_label_studio() as server:
        server.project["label_config"] = LABEL_CONFIG
        yield server


@pytest.fixture
def peer(studio):
    return Peer(studio.url, TOKEN, pause=0.01)


@pytest.fixture
def move(app, owner, peer):
    """Move the project, and give what came of it."""

    def move_it(watch=lambda *told: None):
        return move_project(app, owner.principal, peer, 7, watch)

    return move_it


def rows(app, table, project_id):
    with app.database.read() as session:
        query = select(table).where(table.project_id == project_id).order_by(table.id)
        return list(session.exec(query))


def references(app, project_id):
    with app.database.read() as session:
        query = (
            select(Slot.name, Reference.key, Reference.row_index, Reference.task_id)
            .join(Reference, Reference.slot_id == Slot.id)
            .where(Slot.project_id == project_id)
            .order_by(Reference.id)
        )
        return [tuple(row) for row in session.exec(query)]


def test_a_project_comes_over_with_all_that_is_said_about_its_tasks(
    app, owner, studio, move
):
    studio.add_task(
        {"image": "https://example.org/ä.jpg", "big": 2**70, "nul": "a\0b"},
        [
            {"result": CHOICE, "lead_time": 2.5, "ground_truth": True},
            {"result": [], "was_cancelled": True, "completed_by": 2},
        ],
        [{"result": CHOICE, "score": 0.25, "model_version": "two"}],
        meta={"from": "there"},
        overlap=3,
    )
    studio.add_task({"image": "b"}, drafts=[{"id": 1}])

    moved = move()

    first, second = rows(app, Task, moved.project_id)
    said, skipped = rows(app, Annotation, moved.project_id)
    (guess,) = rows(app, Prediction, moved.project_id)
    view = projects.get_project(app, owner.principal, moved.project_id)
    assert (view.title, view.description) == ("Birds", "On the coast")
    assert view.label_config == LABEL_CONFIG
    assert view.interface["show_collab_predictions"] is True
    assert first.data == studio.tasks[0]["data"]
    assert (first.meta, first.overlap) == ({"from": "there"}, 3)
    assert (first.is_labeled, second.is_labeled) == (True, False)
    assert first.created_at.isoformat() == "2024-03-04T05:06:07.123456+00:00"
    assert (said.result, said.lead_time, said.ground_truth) == (CHOICE, 2.5, True)
    assert (said.completed_by_id, skipped.completed_by_id) == (
        owner.principal.user_id,
        None,
    )
    assert skipped.was_cancelled
    assert (guess.score, guess.model_version) == (0.25, "two")
    assert (view.task_number, view.total_annotations_number) == (2, 1)
    assert moved.counts == {"tasks": 2, "annotations": 2, "predictions": 1}
    assert moved.losses == [
        "Task 12: 1 drafts stay there.",
        "gone@example.org is nobody here: their annotations name no author.",
    ]


def test_storages_become_slots_and_a_later_sync_imports_nothing_twice(
    app, owner, studio, move, put_object
):
    for name in ("a", "b"):
        put_object(f"photos/{name}.jpg", b"x")
    put_object("photos/new.jpg", b"x")
    memory = {"type": "memory", "bucket": BUCKET, "prefix": "photos", "title": "Photos"}
    studio.add_storage(**memory, use_blob_urls=True)
    studio.add_storage(type="localfiles", title="Disk")
    studio.add_export(type="s3", title="Out")
    for name in ("a", "b"):
        studio.add_task({"image": f"memory://{BUCKET}/photos/{name}.jpg"})

    moved = move()

    ids = [task.id for task in rows(app, Task, moved.project_id)]
    assert references(app, moved.project_id) == [
        ("Photos", "photos/a.jpg", -1, ids[0]),
        ("Photos", "photos/b.jpg", -1, ids[1]),
    ]
    assert any(loss.startswith("The storage Disk (local") for loss in moved.losses)
    assert any("Out (s3) needs its secrets" in loss for loss in moved.losses)
    draft = StorageDraft(
        moved.project_id,
        Purpose.IMPORT,
        "memory",
        {"bucket": BUCKET, "prefix": "photos", "use_blob_urls": True},
    )
    storage = storages.add_storage(app, owner.principal, draft)
    attach_storage(app, owner.principal, AttachOrder(moved.project_id, storage.id))
    asked = storages.sync_storage(app, owner.principal, storage.id, Purpose.IMPORT)
    run = run_until_done(app, asked.run.id, owner="test")
    assert run.counts["created"] == 1
    assert len(rows(app, Task, moved.project_id)) == 3


def test_rows_of_task_files_are_found_by_the_pages_of_their_tasks(app, studio, move):
    files = {"type": "memory", "bucket": BUCKET, "prefix": "", "title": "Files"}
    studio.add_storage(**files, use_blob_urls=False)
    for key in ("one.json", "two.jsonl", "two.jsonl", None):
        number = studio.add_task({"text": "x"})
        studio.files[number] = key

    moved = move()

    found = [(key, row) for _, key, row, _ in references(app, moved.project_id)]
    assert found == [("one.json", 0), ("two.jsonl", 0), ("two.jsonl", 1)]


def test_media_urls_become_uris_again(app, studio, move):
    uri = base64.urlsafe_b64encode(b"s3://birds/a.jpg").decode()
    for base in ("", studio.url):
        studio.add_task({"image": f"{base}/tasks/11/resolve/?fileuri={uri}"})

    moved = move()

    found = [task.data for task in rows(app, Task, moved.project_id)]
    assert found == [{"image": "s3://birds/a.jpg"}] * 2


def test_a_move_that_was_interrupted_is_gone_on_with(app, studio, move):
    for number in range(2 * PAGE + 5):
        studio.add_task({"n": number}, [{"result": []}])

    def stop_after_a_page(tasks_here, _total):
        if tasks_here == PAGE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(stop_after_a_page)
    studio.asked.clear()
    moved = move()
    again = move()

    found = rows(app, Task, moved.project_id)
    assert [task.data["n"] for task in found] == list(range(2 * PAGE + 5))
    pages = [path for path in studio.asked if path.startswith("/api/tasks/")]
    assert not any("page=1&page_size" in path for path in pages)
    assert again.was_here
    assert again.project_id == moved.project_id
    assert len(rows(app, Annotation, moved.project_id)) == 2 * PAGE + 5


def test_two_moves_of_one_project_do_not_mix(app, studio, move):
    for number in range(PAGE + 1):
        studio.add_task({"n": number})

    def overtake(tasks_here, _total):
        if tasks_here == PAGE:
            studio.overtaken = move()

    with pytest.raises(Conflict):
        move(overtake)

    assert len(rows(app, Task, studio.overtaken.project_id)) == PAGE + 1


def test_a_label_studio_that_stumbles_is_asked_again(app, studio, move):
    studio.add_task({"n": 1})
    studio.broken["/api/users/"] = 503

    assert move().counts["tasks"] == 1


def test_what_cannot_be_used_here_is_told(app, studio, move):
    studio.project.update(title="No", label_config="<View>")
    studio.add_storage(type="redis", title="Cache")

    moved = move()

    assert moved.title == "Project 7"
    assert "The project's label_config cannot be used here." in moved.losses
    with app.database.read() as session:
        run = session.exec(select(Run).where(Run.kind == "label_studio")).one()
    assert run.state == "completed_with_errors"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthenticated), (302, LabeldockError), (503, Unavailable)],
    ids=["token", "redirect", "outage"],
)
def test_a_label_studio_that_refuses_is_told(studio, peer, move, status, error):
    class Broken(dict):
        def pop(self, _name, _default=None):
            return status

    studio.broken = Broken()

    with pytest.raises(error):
        move()

    assert all("elsewhere" not in path for path in studio.asked)


def test_an_address_that_is_none_is_refused():
    for url in ("labels.example.org", "ftp://labels.example.org", "https://"):
        with pytest.raises(InvalidInput):
            Peer(url, TOKEN)


def test_a_project_of_another_labeldock_makes_the_round_trip(
    app, home, owner, project, tmp_path, folder, installation
):
    other = tmp_path / "other"
    shutil.copytree(installation[0], other)
    task = tasks.create_task(
        app, owner.principal, project.id, {"image": "s3://birds/é.jpg", "n": 2**66}
    )
    annotations.create_annotation(
        app, owner.principal, task.id, {"result": CHOICE, "lead_time": 1.5}
    )
    source, target = Terminal(home, folder), Terminal(other, folder)

    with source.start("serve", "--port", "0") as process:
        url = read_address(process.stderr)
        fetch(f"{url}health")
        command = ("import", "label-studio", "--url", url, "--token", "@env:MINE")
        done = target.ask(*command, MINE=owner.token)
        again = target.run(*command, MINE=owner.token).stdout
        wrong = target.refuse(*command, code=1, MINE="f" * 40)
        stop(process)

    assert done[0]["counts"] == {"tasks": 1, "annotations": 1}
    assert done[0]["losses"] == []
    assert "is here already" in again
    assert "does not accept the token" in wrong
    assert owner.token not in again + wrong
    columns = "data, result, lead_time, completed_by_id, a.created_at"
    compared = f"SELECT {columns} FROM task t JOIN annotation a ON a.task_id = t.id"
    assert target.query(compared) == source.query(compared)
    shown = "SELECT title, label_config, maximum_annotations, task_number FROM project"
    assert target.query(shown) == source.query(shown)

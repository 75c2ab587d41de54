"""What is in an archive, of each kind and scope, and that it is the same every time."""

from __future__ import annotations

import pytest

from labeldock.contract import Purpose
from labeldock.contract.errors import InvalidInput, Unavailable
from labeldock.services import tasks
from labeldock.services.backups import format as archive
from labeldock.services.backups.asking import FULL_INSTEAD
from labeldock.services.resolving.media import NOT_CONNECTED
from labeldock.services.storages import remove_storage
from labeldock.services.working import claim_work, work_slice
from tests.core.scripted import FailAt


def test_a_full_backup_holds_everything(backups):
    backups.fill(3)
    task = backups.tasks()[0]
    backups.annotate(task.id, lead_time=1.5)
    backups.predict(task.id)

    request, made = backups.make()

    assert (request.lightweight, request.progress) == (False, 1.0)
    assert made.manifest.kind == "full"
    assert made.manifest.scope == "project"
    assert [t.data for t in made.lines(archive.TASKS)] == [
        t.data for t in backups.tasks()
    ]
    (annotation,) = made.lines(archive.ANNOTATIONS)
    assert (annotation.task, annotation.lead_time) == (1, 1.5)
    assert annotation.completed_by == "owner@example.org"
    assert [p.score for p in made.lines(archive.PREDICTIONS)] == [0.5]
    assert made.media == {f"{n}.jpg": b"picture %d" % n for n in range(3)}
    assert made.counts.media_bytes == 27
    assert backups.leftovers() == []


def test_a_lightweight_backup_asks_no_bucket(backups, provider):
    backups.fill(3)
    provider.calls.clear()

    request, made = backups.make(lightweight=True)

    assert request.lightweight
    assert made.manifest.kind == "lightweight"
    assert not provider.calls
    assert not [name for name in made.names if name.startswith("media/")]
    keys = [(r.task, r.key, r.size) for r in made.lines(archive.REFERENCES)]
    assert keys == [(n + 1, f"{n}.jpg", 9) for n in range(3)]


@pytest.mark.parametrize("lightweight", [True, False])
def test_the_same_project_gives_the_same_bytes(sqlite_backups, lightweight):
    sqlite_backups.fill(5)
    sqlite_backups.annotate(sqlite_backups.tasks()[2].id)

    _, first = sqlite_backups.make(lightweight=lightweight)
    _, second = sqlite_backups.make(lightweight=lightweight)

    assert first.data == second.data


def test_nothing_of_a_storage_that_is_secret_is_in_it(sqlite_backups):
    sqlite_backups.fill(1)

    _, made = sqlite_backups.make(lightweight=True)

    (storage,) = made.lines(archive.STORAGES)
    assert storage.name == "memory-1"
    assert storage.media == "references"
    assert storage.base_uri == "memory://media/"


def test_a_selection_holds_only_its_tasks(sqlite_backups):
    sqlite_backups.fill(4)
    chosen = [task.id for task in sqlite_backups.tasks()][1:3]

    _, made = sqlite_backups.make(task_ids=chosen)

    assert made.manifest.scope == "selection"
    assert [t.task for t in made.lines(archive.TASKS)] == [1, 2]
    assert sorted(made.media) == ["1.jpg", "2.jpg"]


def test_a_task_of_another_project_is_not_taken(sqlite_backups):
    with pytest.raises(InvalidInput, match="not in project"):
        sqlite_backups.ask(task_ids=[999])


def test_where_lightweight_changes_nothing_it_is_full_and_says_so(sqlite_backups):
    tasks.create_task(
        sqlite_backups.app, sqlite_backups.owner, sqlite_backups.project, {"text": "a"}
    )

    request, made = sqlite_backups.make(lightweight=True)

    assert request.lightweight is False
    assert request.message == FULL_INSTEAD
    assert "lightweight" not in request.id
    assert "lightweight" not in request.filename
    assert made.manifest.kind == "full"


def test_an_object_that_cannot_be_read_is_listed(backups, bucket):
    backups.fill(3)
    bucket.remove("1.jpg")

    request = backups.ask()
    run = backups.work(request)
    request = backups.show(request)
    made = backups.open(request)

    assert run.state == "completed_with_errors"
    assert request.message.startswith("1 of 3 objects could not be read")
    missing = [m for m in made.lines(archive.MEDIA) if m.problem]
    assert [(m.key, m.entry, m.problem.code) for m in missing] == [
        ("1.jpg", None, "object_not_found")
    ]
    assert made.counts.missing == 1
    assert [e.key for e in backups.place.errors(run)] == ["1.jpg"]


def test_a_backup_without_any_of_its_objects_fails(sqlite_backups, bucket):
    sqlite_backups.fill(2)
    bucket.remove("0.jpg", "1.jpg")

    request = sqlite_backups.ask()
    run = sqlite_backups.work(request)

    assert run.state == "failed"
    assert sqlite_backups.show(request).status == "failed"
    assert sqlite_backups.leftovers() == []


def test_a_storage_that_is_away_is_tried_again(sqlite_backups, provider):
    sqlite_backups.fill(2)
    provider.before["get_data"] = FailAt(Unavailable("away"))
    request = sqlite_backups.ask()

    lease = claim_work(sqlite_backups.app, "test", request.run_id)
    work_slice(sqlite_backups.app, lease)

    assert sqlite_backups.place.run(request.run_id).state == "queued"
    assert "away" in sqlite_backups.show(request).message


def test_without_its_storage_only_a_lightweight_backup_can_be_made(backups):
    storage = backups.fill(2)
    _, before = backups.make(lightweight=True)
    remove_storage(backups.app, backups.owner, storage.id, Purpose.IMPORT)

    full = backups.ask()
    run = backups.work(full)
    _, after = backups.make(lightweight=True)

    assert run.state == "failed"
    assert NOT_CONNECTED in backups.show(full).message
    assert after.counts == before.counts
    for name in (archive.TASKS, archive.REFERENCES):
        strip = {"slot"} if name == archive.REFERENCES else set()
        assert [r.model_dump(exclude=strip) for r in after.lines(name)] == [
            r.model_dump(exclude=strip) for r in before.lines(name)
        ]

"""What is in the files of an export storage, and how they are named."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest
from jsonschema.validators import validator_for

from labeldock.contract import InvalidInput, Purpose
from labeldock.services import predictions, storages, tasks
from tests.core.exporting.schemas import read_schema


def add_prediction(desk, task_id, **values):
    values = {"result": [], "score": 0.5, "model_version": "v1", **values}
    return predictions.create_prediction(desk.app, desk.owner, task_id, values)


@pytest.mark.parametrize("payload", ["annotation", "annotation_with_task", "task"])
@pytest.mark.parametrize("indent", [True, False])
def test_what_is_written_is_what_the_schema_says(sqlite_desk, payload, indent):
    desk = sqlite_desk
    storage = desk.place.add_export(payload=payload, indent=indent)
    task_id = desk.task(image="memory://media/a.jpg", big=2**70)
    add_prediction(desk, task_id)
    desk.annotate(task_id, lead_time=1.5)
    desk.annotate(task_id, result=[], was_cancelled=True)

    desk.deliver(storage)

    schema = read_schema(payload)
    validator = validator_for(schema)
    validator.check_schema(schema)
    keys = desk.bucket.keys()
    assert len(keys) == (1 if payload == "task" else 2)
    for key in keys:
        text = desk.bucket.read(key).decode()
        checker = validator(schema, format_checker=jsonschema.FormatChecker())
        checker.validate(json.loads(text))
        assert ("\n" in text) is indent
        assert str(2**70) in text or payload == "annotation"


def test_an_annotation_can_have_its_task_with_it(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(payload="annotation_with_task")
    task_id = desk.task(text="é")
    annotation = desk.annotate(task_id)
    desk.deliver(storage)

    document = desk.read(annotation.id)

    assert document["id"] == annotation.id
    assert document["task"]["id"] == task_id
    assert document["task"]["data"] == {"text": "é"}


def test_new_data_of_a_task_is_written_where_the_data_is(desk):
    plain = desk.place.add_export(prefix="plain", payload="annotation")
    nested = desk.place.add_export(prefix="nested", payload="annotation_with_task")
    whole = desk.place.add_export(prefix="whole", payload="task")
    task_id, bare = desk.task(text="old"), desk.task(text="old")
    annotation = desk.annotate(task_id)
    for storage in (plain, nested, whole):
        desk.deliver(storage)

    for number in (task_id, bare):
        tasks.update_task(desk.app, desk.owner, number, {"data": {"text": "new"}})

    assert [desk.deliver(each) for each in (plain, nested, whole)] == [0, 1, 1]
    inner = desk.read(f"nested/{annotation.id}")["task"]["data"]
    assert inner == desk.read(f"whole/{task_id}.json")["data"] == {"text": "new"}
    assert len(desk.bucket.keys()) == 3  # a task without annotations is in none


def test_a_prediction_is_written_with_its_task(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(payload="task")
    task_id = desk.task()
    desk.annotate(task_id)
    desk.deliver(storage)

    made = add_prediction(desk, task_id)
    assert desk.deliver(storage) == 1
    (written,) = desk.read(f"{task_id}.json")["predictions"]
    assert (written["score"], written["model_version"]) == (0.5, "v1")
    predictions.delete_prediction(desk.app, desk.owner, made.id)
    assert desk.deliver(storage) == 1
    assert desk.read(f"{task_id}.json")["predictions"] == []


def test_a_task_is_written_once_per_change_of_it(sqlite_desk, provider):
    desk = sqlite_desk
    storage = desk.place.add_export(payload="task")
    task_id = desk.task()
    for _ in range(5):
        desk.annotate(task_id)

    desk.deliver(storage)

    assert provider.calls["save_annotation"] == 1
    assert len(desk.read(f"{task_id}.json")["annotations"]) == 5


# Keys


def test_a_template_names_the_files(desk):
    template = "{annotation.created_at:%Y}/{task.inner_id}-{annotation.id}.json"
    storage = desk.place.add_export(prefix="out", key_template=template)
    task_id = desk.task()
    made = [desk.annotate(task_id) for _ in range(2)]

    desk.deliver(storage)

    year, inner = datetime.now(UTC).year, 1
    assert desk.bucket.keys() == [f"out/{year}/{inner}-{a.id}.json" for a in made]


def test_keys_that_collide_are_numbered_and_kept(desk):
    storage = desk.place.add_export(key_template="{task.inner_id}.json")
    task_id = desk.task()
    first, second = desk.annotate(task_id), desk.annotate(task_id)
    desk.deliver(storage)

    desk.change(first, lead_time=1)
    desk.change(second, lead_time=2)
    run = desk.place.sync(storage)

    keys = ["1-" + str(second.id) + ".json", "1.json"]
    assert desk.bucket.keys() == keys
    assert run.counts["delivered"] == 2
    assert [desk.read(key)["lead_time"] for key in keys] == [2, 1]


def test_the_key_of_the_source_names_the_file(desk):
    for name in ("a.jpg", "b/c.jpg"):
        desk.bucket.put(name)
    media = desk.place.add(use_blob_urls=True, recursive_scan=True)
    desk.place.sync(media)
    query = tasks.TaskQuery(desk.place.project)
    found = tasks.list_tasks(desk.app, desk.owner, query).tasks
    template = "labels/{source_key}.json"
    storage = desk.place.add_export(payload="task", key_template=template)
    for task in found:
        desk.annotate(task.id)
    by_hand = desk.annotate()

    desk.deliver(storage)

    keys = desk.bucket.keys()
    written = [key for key in keys if key.startswith("labels/")]
    assert written == [
        "labels/a.jpg.json",
        "labels/b/c.jpg.json",
        f"labels/task-{by_hand.task_id}.json",
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"key_template": "all.json"}, "key_template"),
        ({"key_template": "{annotation.id}", "payload": "task"}, "key_template"),
        ({"payload": "everything"}, "payload"),
        ({"layout": "zip"}, "layout"),
        ({"layout": "parquet", "payload": "task"}, "payload"),
        ({"max_workers": 0}, "max_workers"),
        ({"max_workers": 65}, "max_workers"),
    ],
)
def test_settings_that_will_not_do_are_refused_when_saved(sqlite_desk, values, field):
    with pytest.raises(InvalidInput) as caught:
        sqlite_desk.place.add_export(**values)

    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_template_fixes_what_is_written_when_it_is_saved(
    open_app, sqlite_installation, build_desk
):
    desk = build_desk(open_app(sqlite_installation, future_save_task_to_storage=True))

    storage = desk.place.add_export(key_template="{task.inner_id}.json")

    assert storage.fields["payload"] == "task"


def test_other_names_have_all_written_anew(desk):
    storage = desk.place.add_export()
    done, waiting = desk.annotate(), None
    desk.deliver(storage)
    waiting = desk.annotate()

    changed = update(desk, storage, key_template="{annotation.id}.json")
    assert changed.run is not None
    assert desk.place.sync(storage).counts["delivered"] == 2

    new = sorted(f"{each.id}.json" for each in (done, waiting))
    assert desk.bucket.keys() == sorted([str(done.id), *new])
    assert {link.key for link in desk.links()} == set(desk.bucket.keys())


def test_a_change_of_pace_writes_nothing_anew(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export()
    desk.annotate()
    desk.deliver(storage)

    changed = update(desk, storage, max_workers=3, indent=True)

    assert changed.run is None
    assert desk.deliver(storage) == 0


def update(desk, storage, **changes):
    return storages.update_storage(
        desk.app, desk.owner, storage.id, Purpose.EXPORT, changes
    )


def test_a_storage_may_leave_saving_to_syncs(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(export_on_save=False, can_delete_objects=True)
    kept, gone = desk.annotate(), desk.annotate()
    assert desk.deliver(storage) == 0

    desk.place.sync(storage)
    desk.delete(gone)
    desk.deliver(storage)

    assert desk.bucket.keys() == [str(kept.id)]

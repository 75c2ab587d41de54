"""What Labeldock exported can be imported: tasks with their annotations."""

from __future__ import annotations

import json

import pytest

from labeldock.services.exporting import export
from labeldock.services.exporting.dump import DumpFormat, dump_project


def region(choice):
    return {
        "id": choice, "from_name": "kind", "to_name": "image", "type": "choices",
        "value": {"choices": [choice], "text": '\u2028 \\ " é 😀'},
    }  # fmt: skip


TASKS = [
    {
        "data": {"image": "memory://media/1.jpg", "n": 2**70, "z": 0.1},
        "meta": {"source": ["a", None]},
        "allow_skip": False,
        "annotations": [
            {"result": [region("gull")], "lead_time": 3.5, "ground_truth": True},
            {"result": [], "was_cancelled": True},
        ],
        "predictions": [
            {"result": [region("tern")], "score": 0.25, "model_version": "m 1"}
        ],
    },
    {
        "data": {"text": 'one,\n"two"; three\t'},
        "annotations": [{"result": [region("swan"), region("duck")]}],
        "predictions": [],
    },
    {"data": {"text": "nobody looked at this"}, "annotations": [], "predictions": []},
]  # fmt: skip


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(export, "_PAUSE_SECONDS", 0.005)


@pytest.fixture
def labelled(place, bucket):
    """A project with tasks, annotations and predictions."""
    bucket.put("in/tasks.json", json.dumps(TASKS))
    assert place.sync(place.add(prefix="in")).counts["created"] == len(TASKS)
    return place


@pytest.fixture
def read_back(build_workplace, build_ledger, app):
    """Import a folder into a project of its own; what the project holds, and errors."""

    def read(prefix):
        place = build_workplace(app)
        run = place.sync(place.add(prefix=prefix))
        return describe(build_ledger(app), place.project), place.errors(run)

    return read


def describe(ledger, project):
    """Everything about a project's tasks that a file can carry."""
    annotations, predictions = ledger.opinions()
    return [
        (
            task.data,
            task.meta,
            task.allow_skip,
            [
                (a.result, a.was_cancelled, a.ground_truth, a.lead_time)
                for a in annotations
                if a.task_id == task.id
            ],
            [
                (p.result, p.score, p.model_version)
                for p in predictions
                if p.task_id == task.id
            ],
        )
        for task in ledger.tasks()
        if task.project_id == project
    ]


def without_predictions(tasks):
    return [(*task[:4], []) for task in tasks]


def one_for_each_annotation(tasks):
    """Files that hold one annotation give a task for each of them."""
    return [
        (*task[:3], [annotation], [])
        for task in without_predictions(tasks)
        for annotation in task[3]
    ]


def in_any_order(tasks):
    return sorted(map(repr, tasks))


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("indent", [False, True])
@pytest.mark.parametrize("layout", ["files", "jsonl"])
def test_tasks_with_all_annotations_come_back_whole(
    labelled, ledger, read_back, layout, indent
):
    sent = describe(ledger, labelled.project)
    storage = labelled.add_export(
        prefix="out", payload="task", layout=layout, indent=indent
    )
    assert labelled.sync(storage).state == "completed"

    found, errors = read_back("out")

    assert errors == []
    assert len(found) >= 2  # tasks that nobody annotated may be left out
    assert set(in_any_order(found)) <= set(in_any_order(sent))
    assert [task for task in found if task[3]] == [task for task in sent if task[3]]


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("layout", ["files", "jsonl", "parquet"])
def test_annotations_with_their_task_come_back_as_a_task_each(
    labelled, ledger, read_back, layout
):
    sent = describe(ledger, labelled.project)
    storage = labelled.add_export(
        prefix="out", payload="annotation_with_task", layout=layout
    )
    assert labelled.sync(storage).state == "completed"

    found, errors = read_back("out")

    assert errors == []
    if layout == "parquet":  # it has no column for allow_skip
        sent = [(data, meta, True, *rest) for data, meta, _, *rest in sent]
    assert in_any_order(found) == in_any_order(one_for_each_annotation(sent))


@pytest.mark.usefixtures("_impatient")
def test_annotations_alone_say_that_the_data_of_their_task_is_missing(
    labelled, read_back
):
    storage = labelled.add_export(prefix="out", payload="annotation")
    assert labelled.sync(storage).counts["delivered"] == 3

    found, errors = read_back("out")

    assert found == []
    assert {error.code for error in errors} == {"bad_row"}
    assert {error.message for error in errors} == {
        "The task is an annotation without the data of its task."
    }
    assert "Export tasks with their annotations" in errors[0].remedy


@pytest.mark.parametrize("form", [DumpFormat.JSON, DumpFormat.JSONL])
def test_a_file_that_somebody_took_home_comes_back_whole(
    labelled, ledger, bucket, read_back, form
):
    sent = describe(ledger, labelled.project)
    chunks = dump_project(labelled.app, labelled.owner, labelled.project, form)
    bucket.put(f"home/all.{form}", b"".join(chunk.content for chunk in chunks))

    found, errors = read_back("home")

    assert (found, errors) == (sent, [])

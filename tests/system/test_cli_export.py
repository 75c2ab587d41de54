"""A project as one file: every task once, in order, however many there are."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import pytest

from labeldock.contract.errors import InvalidInput, NotAllowed, NotFound
from labeldock.db.tables import Task
from labeldock.services.annotations import create_annotation
from labeldock.services.exporting.dump import DumpFormat, dump_project
from labeldock.services.exporting.selection import PAGE

LABEL = [{"type": "choices", "value": {"choices": ["gull", 'said "kiu", once']}}]


@pytest.fixture
def fill(app, project):
    """Put tasks with these data into the project."""

    def add(documents):
        with app.database.write() as session:
            session.add_all(
                Task(project_id=project.id, inner_id=number, data=data)
                for number, data in enumerate(documents, 1)
            )

    return add


@pytest.fixture
def dump(app, owner, project):
    """The whole file in one piece."""

    def run(form):
        chunks = dump_project(app, owner.principal, project.id, DumpFormat(form))
        return b"".join(chunk.content for chunk in chunks).decode()

    return run


def test_every_task_is_there_once_and_in_order(fill, dump):
    fill({"text": str(number)} for number in range(2 * PAGE + 1))

    whole = json.loads(dump("json"))
    lines = [json.loads(line) for line in dump("jsonl").splitlines()]

    assert [task["data"]["text"] for task in whole] == list(map(str, range(len(whole))))
    assert len(whole) == 2 * PAGE + 1
    assert lines == whole


def test_an_empty_project_is_an_empty_file(dump):
    assert json.loads(dump("json")) == []
    assert dump("jsonl") == ""
    assert dump("csv").startswith("task_id,annotation_id,")


def test_annotations_are_in_the_file_with_who_made_them(app, owner, fill, dump):
    fill([{"image": "s3://b/1.png"}, {"image": "s3://b/2.png"}])
    create_annotation(app, owner.principal, 1, {"result": LABEL, "lead_time": 2.5})

    first, second = json.loads(dump("json"))

    assert first["annotations"][0]["result"] == LABEL
    assert first["annotations"][0]["completed_by"]["email"] == owner.email
    assert second["annotations"] == []


def test_csv_has_a_row_per_annotation_and_a_column_per_key(app, owner, fill, dump):
    fill([{"image": "a,b\n.png"}, {"text": "é", "image": {"url": "x"}}, ["a", "list"]])
    for _ in range(2):
        create_annotation(app, owner.principal, 1, {"result": LABEL})

    rows = list(csv.DictReader(io.StringIO(dump("csv"), newline="")))

    assert [row["task_id"] for row in rows] == ["1", "1", "2", "3"]
    assert [row["data.image"] for row in rows[1:3]] == ["a,b\n.png", '{"url":"x"}']
    assert (rows[2]["data.text"], rows[3]["data"]) == ("é", '["a","list"]')
    assert json.loads(rows[0]["result"]) == LABEL
    assert rows[0]["completed_by"] == owner.email
    assert rows[0]["was_cancelled"] == "false"
    assert rows[2]["annotation_id"] == ""


def test_more_keys_than_columns_are_refused(fill, dump):
    fill({f"key {number}": 1} for number in range(1001))

    with pytest.raises(InvalidInput, match="too many for columns") as caught:
        dump("csv")

    assert "jsonl" in caught.value.remedy


def test_counts_tell_what_was_written(app, owner, project, fill):
    fill([{"text": "a"}] * (PAGE + 1))
    create_annotation(app, owner.principal, 1, {"result": LABEL})

    chunks = list(dump_project(app, owner.principal, project.id, DumpFormat.JSON))

    assert sum(chunk.tasks for chunk in chunks) == PAGE + 1
    assert sum(chunk.annotations for chunk in chunks) == 1


def test_permission_is_needed(app, stranger, project):
    with pytest.raises(NotAllowed, match="permission"):
        list(dump_project(app, stranger.principal, project.id, DumpFormat.JSON))


def test_a_project_that_is_gone_is_told(app, admin):
    with pytest.raises(NotFound, match="Project 9 does not exist"):
        list(dump_project(app, admin.principal, 9, DumpFormat.JSON))


def test_memory_does_not_grow_with_the_tasks(app, owner, project, fill):
    fill({"text": "x" * 1000} for _ in range(12 * PAGE))

    peaks = [measure(app, owner, project, pages) for pages in (2, 2, 12)]

    assert peaks[2] < 1.5 * peaks[1]


def measure(app, owner, project, pages):
    """The most memory held while so many pages are read."""
    tracemalloc.start()
    try:
        chunks = dump_project(app, owner.principal, project.id, DumpFormat.JSONL)
        for _ in range(pages):
            next(chunks)
        return tracemalloc.get_traced_memory()[1]
    finally:
        chunks.close()
        tracemalloc.stop()

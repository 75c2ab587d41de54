"""Files that hold a whole project: JSON lines that each run replaces, and Parquet."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest

from labeldock.contract import AccessDenied, Unavailable
from labeldock.services import leases, runs
from labeldock.services.exporting import bundles
from labeldock.services.exporting.verifying import verify_storage
from labeldock.services.working import run_until_done, work_slice
from tests.core.scripted import FailAt


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(bundles, "_PAGE", 3)
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)


def read_lines(desk, key):
    return [json.loads(line) for line in desk.bucket.read(key).splitlines()]


@pytest.mark.parametrize("payload", ["annotation", "annotation_with_task", "task"])
def test_a_file_of_lines_holds_everything_and_is_replaced(desk, payload):
    storage = desk.place.add_export(layout="jsonl", payload=payload, prefix="out")
    tasks_ = [desk.task(n=n) for n in range(4)]
    made = [desk.annotate(task_id) for task_id in tasks_ for _ in range(2)]
    assert desk.deliver(storage) == 0  # no single change writes it

    run = desk.place.sync(storage)
    key = f"out/project-{desk.place.project}.jsonl"
    first = read_lines(desk, key)
    desk.delete(made.pop())
    again = desk.place.sync(storage)

    assert (run.state, again.state) == ("completed", "completed")
    assert run.counts == {"total": 8, "delivered": 8, "failed": 0, "waiting": 0}
    assert again.counts["delivered"] == 7
    assert desk.bucket.keys() == [key]
    assert len(first) == (4 if payload == "task" else 8)
    ids = [document["id"] for document in read_lines(desk, key)]
    assert ids == (tasks_ if payload == "task" else [each.id for each in made])
    (link,) = desk.links()
    assert (link.key, link.annotation_id, link.task_id) == (key, None, None)


def test_each_run_writes_a_parquet_file_of_its_own(desk):
    storage = desk.place.add_export(layout="parquet")
    annotation = desk.annotate(desk.task(image="a.jpg", n=2**70), lead_time=1.5)
    for _ in range(4):
        desk.annotate()

    run_ids = [desk.place.sync(storage).id for _ in range(2)]

    project = desk.place.project
    keys = [f"project-{project}-run-{run_id}.parquet" for run_id in run_ids]
    assert desk.bucket.keys() == keys
    table = pq.read_table(io.BytesIO(desk.bucket.read(keys[0])))
    rows = table.to_pylist()
    assert len(rows) == 5
    assert rows[0]["annotation_id"] == annotation.id
    assert rows[0]["lead_time"] == 1.5
    assert rows[0]["completed_by"] == desk.owner.email
    assert rows[0]["created_at"] == annotation.created_at
    assert json.loads(rows[0]["result"]) == annotation.result
    assert json.loads(rows[0]["data"]) == {"image": "a.jpg", "n": 2**70}
    assert rows[0]["meta"] is None


@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_a_project_without_annotations_is_an_empty_file(sqlite_desk, layout):
    desk = sqlite_desk
    storage = desk.place.add_export(layout=layout)

    run = desk.place.sync(storage)

    assert (run.state, run.counts["total"]) == ("completed", 0)
    (key,) = desk.bucket.keys()
    if layout == "parquet":
        assert pq.read_table(io.BytesIO(desk.bucket.read(key))).num_rows == 0
    else:
        assert desk.bucket.read(key) == b""


def test_a_template_names_the_file(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(layout="jsonl", key_template="all.jsonl")

    desk.place.sync(storage)

    assert desk.bucket.keys() == ["all.jsonl"]


def test_a_bucket_that_refuses_fails_the_run_and_nothing_is_counted(
    sqlite_desk, provider
):
    desk = sqlite_desk
    desk.annotate()
    storage = desk.place.add_export(layout="jsonl")
    provider.before["save_annotation"] = FailAt(AccessDenied("locked"))

    run = desk.place.sync(storage)

    assert (run.state, run.problem["message"]) == ("failed", "locked")
    assert run.counts == {"total": 1, "delivered": 0, "failed": 0, "waiting": 1}
    assert desk.links() == []


def test_a_bucket_that_is_down_for_a_while_is_tried_again(sqlite_desk, provider):
    desk = sqlite_desk
    desk.annotate()
    storage = desk.place.add_export(layout="jsonl")
    provider.before["save_annotation"] = fault = FailAt(Unavailable("down"), 1, 2)

    run = desk.place.sync(storage)

    assert (run.state, fault.fired) == ("completed", 2)


def test_a_run_that_is_cancelled_writes_nothing(sqlite_desk):
    desk = sqlite_desk
    desk.annotate()
    storage = desk.place.add_export(layout="jsonl")
    run_id = desk.place.request(storage)
    lease = leases.claim_run(desk.app, "test", run_id)
    runs.cancel_run(desk.app, desk.owner, run_id)

    assert not work_slice(desk.app, lease)

    assert desk.bucket.keys() == []


def test_a_run_that_is_asked_to_stop_is_taken_up_again(sqlite_desk):
    desk = sqlite_desk
    desk.annotate()
    storage = desk.place.add_export(layout="jsonl")
    run_id = desk.place.request(storage)
    lease = leases.claim_run(desk.app, "test", run_id)
    lease.ending.set()
    work_slice(desk.app, lease, lease.ending)
    assert desk.bucket.keys() == []

    assert run_until_done(desk.app, run_id, owner="test").state == "completed"


def test_such_a_file_is_verified_like_any_other(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(layout="jsonl")
    desk.place.sync(storage)
    assert verify_storage(desk.app, desk.owner, storage.id).is_ok
    desk.bucket.remove(*desk.bucket.keys())

    result = verify_storage(desk.app, desk.owner, storage.id)

    assert result.missing == 1

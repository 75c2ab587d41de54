"""What is written for webhooks, and that it is written with the change itself."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract.errors import AccessDenied
from labeldock.db.messages import WebhookDelivery
from labeldock.services import leases, runs, tasks
from labeldock.services.webhooks import registry
from labeldock.services.working import work_slice
from tests.core.scripted import FailAt
from tests.core.webhooks.conftest import send_all


def read_waiting(app):
    with app.database.read() as session:
        rows = session.exec(select(WebhookDelivery).order_by(WebhookDelivery.id))
        return [(row.action, row.payload) for row in rows]


def test_a_sync_tells_of_its_start_its_tasks_and_its_end(place, bucket, hook, receiver):
    bucket.put_all({f"{n}": "x" for n in range(3)})
    hook()
    storage = place.add(use_blob_urls=True, title="Photos")

    run = place.sync(storage)
    send_all(place.app)

    assert receiver.actions == ["RUN_STARTED", "TASKS_CREATED", "RUN_FINISHED"]
    started, created, finished = receiver.documents
    assert started["run"]["state"] == "in_progress"
    assert started["storage"] == {
        "id": storage.id, "title": "Photos", "type": "memory", "purpose": "import",
    }  # fmt: skip
    assert created["project"] == {"id": place.project, "title": "Birds"}
    assert [task["data"]["$undefined$"] for task in created["tasks"]] == [
        f"memory://media/{n}" for n in range(3)
    ]
    assert created["run"] == {"id": run.id}
    assert finished["run"]["state"] == "completed"
    assert finished["run"]["counts"]["created"] == 3


def test_a_run_starts_once_however_many_slices_it_takes(
    open_app, sqlite_installation, build_workplace, bucket
):
    app = open_app(sqlite_installation, slice_pages=1, page_size=2)
    place = build_workplace(app)
    values = {"url": "http://127.0.0.1:1/", "actions": ["RUN_STARTED"]}
    registry.add_webhook(app, place.owner, place.project, values)
    bucket.put_all({f"{n}": "x" for n in range(6)})

    place.sync(place.add(use_blob_urls=True))

    assert [action for action, _ in read_waiting(app)] == ["RUN_STARTED"]


def test_a_failed_and_a_cancelled_run_are_told_of(place, provider, bucket, hook):
    bucket.put("a", "x")
    storage = place.add(use_blob_urls=True)
    hook(actions=["RUN_FAILED"])

    provider.before["list_objects"] = FailAt(AccessDenied("No."))
    place.sync(storage)
    runs.cancel_run(place.app, place.owner, place.request(storage))

    told = [payload["run"] for _, payload in read_waiting(place.app)]
    assert [run["state"] for run in told] == ["failed", "cancelled"]
    assert told[0]["problem"]["code"] == "storage_access_denied"
    assert told[1]["cancelled_by"] == "owner@example.org"


def test_a_run_that_is_given_up_is_told_of(
    open_app, installation, build_workplace, bucket
):
    app = open_app(installation, storage_in_progress_timer=0.001, max_attempts=1)
    place = build_workplace(app)
    values = {"url": "http://127.0.0.1:1/", "actions": ["RUN_FAILED"]}
    registry.add_webhook(app, place.owner, place.project, values)
    bucket.put("a", "x")
    run_id = place.request(place.add(use_blob_urls=True))
    assert leases.claim_run(app, "a worker that dies", run_id) is not None

    while not leases.reap_lost_runs(app):
        pass

    [(action, payload)] = read_waiting(app)
    assert action == "RUN_FAILED"
    assert payload["run"]["problem"]["code"] == "worker_lost"


def test_tasks_are_told_of_in_batches(open_app, installation, build_workplace, bucket):
    app = open_app(installation, webhook_batch_size=4)
    place = build_workplace(app)
    values = {"url": "http://127.0.0.1:1/", "actions": ["TASKS_CREATED"]}
    registry.add_webhook(app, place.owner, place.project, values)
    bucket.put_all({f"{n:02}": "x" for n in range(10)})

    place.sync(place.add(use_blob_urls=True))

    payloads = [payload for _, payload in read_waiting(app)]
    assert [len(payload["task_ids"]) for payload in payloads] == [4, 4, 2]
    assert len({i for p in payloads for i in p["task_ids"]}) == 10


def test_a_page_that_is_not_committed_tells_nothing(place, bucket, hook):
    bucket.put("a", "x")
    run_id = place.request(place.add(use_blob_urls=True))
    hook(actions=["TASKS_CREATED"])
    lease = leases.claim_run(place.app, "slow", run_id)
    runs.cancel_run(place.app, place.owner, run_id)

    work_slice(place.app, lease)

    assert read_waiting(place.app) == []


def test_a_task_made_by_hand_is_told_of(place, hook, receiver):
    hook()

    task = tasks.create_task(place.app, place.owner, place.project, {"text": "ä"})
    send_all(place.app)

    [document] = receiver.documents
    assert document["tasks"][0]["id"] == task.id
    assert document["tasks"][0]["data"] == {"text": "ä"}
    assert document["storage"] is None


def test_only_who_listens_is_told(place, people, hook, receiver):
    hook(actions=["RUN_FAILED"])
    off, _ = hook(is_active=False)
    other = registry.add_webhook
    everywhere, _ = other(place.app, people.admin, None, {"url": receiver.url})

    tasks.create_task(place.app, place.owner, place.project, {"n": 1})

    with place.app.database.read() as session:
        told = [row.webhook_id for row in session.exec(select(WebhookDelivery))]
    assert told == [everywhere.id]
    assert off.id not in told


@pytest.mark.parametrize("count", [0, 1])
def test_a_body_without_payload_says_what_happened_only(place, hook, receiver, count):
    hook(send_payload=False)
    for _ in range(count):
        tasks.create_task(place.app, place.owner, place.project, {"secret": "data"})

    send_all(place.app)

    assert receiver.documents == [{"action": "TASKS_CREATED"}] * count


def test_what_would_make_a_body_too_large_is_named_only(place, hook, receiver, bucket):
    hook(actions=["TASKS_CREATED"])
    row = '{"text": "' + "x" * 300_000 + '"}\n'
    bucket.put("many.jsonl", row * 5)

    place.sync(place.add())
    send_all(place.app)

    [document] = receiver.documents
    assert document["truncated"] is True
    assert [sorted(t) == ["id"] for t in document["tasks"]] == [False] * 3 + [True] * 2
    assert len(receiver.received[0].body) < 1_100_000

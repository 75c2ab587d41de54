"""A machine whose clock is wrong neither delays work nor takes any away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labeldock.contract import Purpose
from labeldock.db import columns
from labeldock.services import annotations, leases, runs, tasks
from labeldock.services.exporting import delivery, outbox


@pytest.fixture(params=[-3600, 3600], ids=["slow", "fast"])
def wrong_clock(request, monkeypatch):
    class WrongDatetime(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=request.param)

    monkeypatch.setattr(columns, "datetime", WrongDatetime)
    off = columns.utc_now() - datetime.now(UTC)
    assert abs(off) > timedelta(minutes=59)


@pytest.mark.usefixtures("wrong_clock")
def test_a_run_is_due_at_once_and_lost_in_its_time(place, bucket):
    bucket.put("a", "x")
    storage = place.add(use_blob_urls=True)
    run_id = place.request(storage)

    assert leases.claim_run(place.app, "worker") is not None
    assert leases.reap_lost_runs(place.app) == 0

    runs.cancel_run(place.app, place.owner, run_id)
    runs.retry_run(place.app, place.owner, run_id)
    assert leases.claim_run(place.app, "worker") is not None


@pytest.mark.usefixtures("wrong_clock")
def test_an_annotation_is_due_for_delivery_at_once(place):
    storage = place.add(Purpose.EXPORT)
    task = tasks.create_task(place.app, place.owner, place.project, {"n": 1})
    annotations.create_annotation(place.app, place.owner, task.id, {"result": []})

    assert outbox.list_pending_storages(place.app) == [storage.id]
    assert delivery.deliver_batch(place.app, storage.id) == 1
    assert place.sync(storage).counts["delivered"] == 1

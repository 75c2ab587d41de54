"""Whoever does the work, and however it was found: it belongs to who asked for it."""

from __future__ import annotations

import pytest
from sqlmodel import select, update

from labeldock import telemetry, tracing
from labeldock.db.tables import Run
from labeldock.db.types import database_now
from labeldock.services import annotations, leases, runs, tasks
from labeldock.services.importing import sharing
from labeldock.services.working import run_until_done
from labeldock.settings import Settings
from tests.core.concurrency import wait_until
from tests.servers.otlp import run_collector
from tests.system.worker_places import House, has_ended

CALLER = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
TRACE = CALLER["traceparent"].split("-")[1]


@pytest.fixture
def house(tmp_path):
    with House(tmp_path / "home", "") as house:
        house.bucket.put_all({f"{n:03}.json": f'{{"n": {n}}}' for n in range(40)})
        yield house


@pytest.fixture
def seen(house):
    """The correlation ids that the provider was called with."""
    ids = []
    for operation in ("list_objects", "get_data", "save_annotation"):
        house.provider.before[operation] = lambda _: ids.append(
            telemetry.find_correlation_id()
        )
    return ids


def test_a_run_that_the_poll_found_has_the_id_of_its_request_in_every_part(
    house, seen, monkeypatch
):
    monkeypatch.setattr(sharing, "SMALLEST_PART", 3)
    place = house.settle(house.open())  # which rings nobody
    storage = place.add()
    with telemetry.correlate("asked-for-it"):
        run_id = place.request(storage)
    seen.clear()

    shared = {"page_size": 10, "part_size": 3, "partitioning": "always"}
    for _ in range(2):
        house.work(*house.open_with_broker(slice_pages=1, **shared))
    wait_until(has_ended(place, run_id), 60)

    assert place.run(run_id).counts["created"] == 40
    assert len(seen) > 40
    assert set(seen) == {"asked-for-it"}


def test_a_run_that_nobody_asked_for_has_one_id_and_its_problem_shows_it(house, seen):
    place = house.settle(house.open(page_size=10, slice_pages=1, max_attempts=1))
    run_id = place.request(place.add())
    seen.clear()
    house.provider.after["list_objects"] = lambda page: fail(page, at=len(seen))

    ended = run_until_done(place.app, run_id, owner="test")

    assert ended.state == "failed"
    (known,) = set(seen)
    assert ended.problem["correlation_id"] == known
    assert len(known) == 16


def fail(page, at):
    if at > 12:  # in the second slice
        raise ZeroDivisionError
    return page


def test_a_run_whose_worker_was_lost_is_told_of_under_the_same_id(house):
    place = house.settle(house.open())
    with telemetry.correlate("asked-for-it"):
        run_id = place.request(place.add())
    assert leases.claim_run(place.app, "a-worker") is not None
    with place.app.database.write() as session:
        session.execute(update(Run).values(lease_expires_at=database_now(-1)))

    leases.reap_lost_runs(place.app)

    assert place.run(run_id).problem["correlation_id"] == "asked-for-it"


def test_who_retries_a_run_is_who_asked_for_it_then(house, seen):
    place = house.settle(house.open())
    run_id = place.request(place.add())
    runs.cancel_run(place.app, place.owner, run_id)
    seen.clear()

    with telemetry.correlate("once-more"):
        runs.retry_run(place.app, place.owner, run_id)
    run_until_done(place.app, run_id, owner="test")

    assert set(seen) == {"once-more"}


def test_a_delivery_has_the_id_of_the_request_that_rang_for_it(house, seen):
    app, broker = house.open_with_broker(poll_interval=3600.0)
    place = house.settle(app)
    place.add_export()
    task = tasks.create_task(app, place.owner, place.project, {"n": 1})
    house.work(app, broker)

    with telemetry.correlate("labelled-it"):
        annotations.create_annotation(app, place.owner, task.id, {"result": []})
    wait_until(lambda: "labelled-it" in seen)


def test_the_first_slice_is_in_the_trace_of_the_request_and_later_ones_are_linked(
    house, tmp_path, monkeypatch
):
    with run_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        tracing.start(Settings(home=tmp_path, traces=True), "a-test")
        try:
            place = house.settle(house.open(page_size=10, slice_pages=1))
            storage = place.add()
            with tracing.span("request", parent=CALLER):
                run_id = place.request(storage)
            run_until_done(place.app, run_id, owner="test")
        finally:
            tracing.stop()
        first, *later = [s for s in collector.spans if s.name == "process import"]

    assert first.trace_id == TRACE
    assert len(later) >= 3
    assert TRACE not in {span.trace_id for span in later}
    assert len({span.trace_id for span in later}) == len(later)
    assert all(span.links == [TRACE] for span in later)


def test_a_row_of_an_earlier_version_is_worked_on_too(house, seen):
    place = house.settle(house.open())
    run_id = place.request(place.add())
    with place.app.database.write() as session:
        session.execute(update(Run).values(origin=None))
        assert session.exec(select(Run.origin)).one() is None
    seen.clear()

    assert run_until_done(place.app, run_id, owner="test").state == "completed"
    assert all(seen)

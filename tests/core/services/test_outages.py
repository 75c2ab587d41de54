"""The database goes away under a worker, and comes back."""

from __future__ import annotations

import threading

import pytest

from labeldock.services import leases
from labeldock.services.working import run_until_done, work_slice

AWAY_SECONDS = 0.5


class Outage:
    """A PostgreSQL that lets nobody in to a database for a while."""

    def __init__(self, server, app):
        self._server = server
        self._name = app.database.engine.url.database
        self._thread = threading.Timer(AWAY_SECONDS, self._allow, ["true"])

    def begin(self):
        self._allow("false")
        self._server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{self._name}'"
        )
        self._thread.start()

    def wait(self):
        self._thread.join()

    def _allow(self, word):
        self._server.run(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {word}")


@pytest.fixture
def place(postgres_app, build_workplace, bucket):
    bucket.put_all({"a": "1", "b": "2"})
    return build_workplace(postgres_app)


def test_an_outage_is_noted_once_the_database_is_back(place, provider, postgres_server):
    app = place.app
    run_id = place.request(place.add(use_blob_urls=True))
    outage = Outage(postgres_server, app)

    def go_away(page):
        del provider.after["list_objects"]
        outage.begin()
        return page

    provider.after["list_objects"] = go_away
    assert not work_slice(app, leases.claim_run(app, "worker", run_id))
    outage.wait()

    run = place.run(run_id)
    assert (run.state, run.attempts) == ("queued", 1)
    assert run.problem["code"] == "database_unavailable"
    assert [each["code"] for each in run.interruptions] == ["database_unavailable"]
    done = run_until_done(app, run_id, owner="test")
    assert (done.state, done.counts["created"]) == ("completed", 2)


def test_a_worker_that_is_to_stop_does_not_wait_for_the_database(
    place, provider, postgres_server
):
    app, ending = place.app, threading.Event()
    run_id = place.request(place.add(use_blob_urls=True))
    outage = Outage(postgres_server, app)

    def go_away(page):
        outage.begin()
        ending.set()
        return page

    provider.after["list_objects"] = go_away
    assert not work_slice(app, leases.claim_run(app, "worker", run_id), ending)
    outage.wait()

    run = place.run(run_id)  # its lease runs out, and it is taken back
    assert (run.state, run.attempts, run.problem) == ("in_progress", 0, None)

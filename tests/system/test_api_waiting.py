"""Sync answers at once with `queued`, or, when asked, once it is done."""

from __future__ import annotations

import threading
import time

import pytest
from starlette.testclient import TestClient

from labeldock.services.working import run_until_done
from labeldock.web.app import create_app


@pytest.fixture
def storage(put_object, connect):
    put_object("a.jpg")
    return connect()


@pytest.fixture
def path(storage):
    return f"/api/storages/memory/{storage.id}/sync"


@pytest.fixture
def worker(app):
    """Does the run that comes up, in a thread of its own."""

    def work():
        from sqlmodel import select

        from labeldock.db.tables import Run

        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with app.database.read() as session:
                run_id = session.exec(select(Run.id)).first()
            if run_id is not None:
                run_until_done(app, run_id, owner="test")
                return
            time.sleep(0.02)

    thread = threading.Thread(target=work)
    yield thread.start
    if thread.ident:
        thread.join()


def test_a_sync_answers_at_once(client, auth, path):
    first = client.post(path, headers=auth).json()
    again = client.post(path, headers=auth).json()

    assert first["status"] == again["status"] == "queued"
    assert first["last_sync_job"] == again["last_sync_job"]


@pytest.mark.parametrize("wait", ["30", "true"])
def test_a_sync_that_waits_answers_when_it_is_done(client, auth, path, worker, wait):
    worker()

    done = client.post(f"{path}?wait={wait}", headers=auth).json()

    assert (done["status"], done["last_sync_count"]) == ("completed", 1)
    tasks = client.get(f"/api/tasks?project={done['project']}", headers=auth).json()
    assert tasks["total"] == 1


def test_who_waits_too_long_is_told_how_far_it_is(client, auth, path):
    assert client.post(f"{path}?wait=0.2", headers=auth).json()["status"] == "queued"


def test_nobody_waits_longer_than_the_operator_allows(app, auth, path):
    object.__setattr__(app.settings, "sync_wait_limit", 0.2)
    with TestClient(create_app(app)) as client:
        began = time.monotonic()
        waited = client.post(f"{path}?wait=3000", headers=auth)

    assert waited.json()["status"] == "queued"
    assert time.monotonic() - began < 30


def test_the_operator_may_have_every_sync_wait(app, auth, path, worker):
    object.__setattr__(app.settings, "sync_wait", 30.0)
    worker()
    with TestClient(create_app(app)) as client:
        done = client.post(path, headers=auth).json()

    assert done["status"] == "completed"


def test_a_request_may_wave_what_the_operator_has_set(app, auth, path):
    object.__setattr__(app.settings, "sync_wait", 30.0)
    with TestClient(create_app(app)) as client:
        assert client.post(f"{path}?wait=0", headers=auth).json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "1e999"])
def test_what_is_no_time_is_refused(client, auth, path, wait):
    answer = client.post(f"{path}?wait={wait}", headers=auth)

    assert answer.status_code == 400
    assert "wait" in answer.json()["validation_errors"]


def test_many_who_wait_hold_no_thread(client, auth, path):
    """More wait than there are threads, and others are answered meanwhile."""
    waiting = 60  # the pool has 40
    ended = []

    def wait():
        answer = client.post(f"{path}?wait=1.5", headers=auth)
        ended.append(answer.json()["status"])

    threads = [threading.Thread(target=wait) for _ in range(waiting)]
    for thread in threads:
        thread.start()
    assert client.get("/api/version", headers=auth).status_code == 200
    for thread in threads:
        thread.join()

    assert ended == ["queued"] * waiting

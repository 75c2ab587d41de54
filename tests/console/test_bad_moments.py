"""While somebody is at a page: a session ends, a storage goes, a server restarts."""

from __future__ import annotations

import contextlib
import html
import re
import socket
import threading
from datetime import timedelta

import pytest
import uvicorn
from playwright.sync_api import expect

from labeldock.contract import Purpose
from labeldock.db.columns import utc_now
from labeldock.db.tables import Run
from labeldock.db.types import database_now
from labeldock.services import runs, storages
from labeldock.services.backups import plans
from labeldock.web.app import create_app
from tests.console.test_pages_forms import read_hidden
from tests.console.test_pages_wizard import memory, path, send
from tests.system.media_serving import wait_until

__all__ = ["memory", "path", "send"]

# Not stored yet, so the login page may give them back to whoever typed them.
TYPED = ("typed-1-time", "typed-2-times")


@pytest.fixture
def come_back(browser, owner):
    """Log in with what the refusal carries, and send what was typed."""

    def resume(refused):
        assert refused.status_code == 401
        assert "What you typed is kept." in refused.text
        login = {**read_hidden(refused.text)}
        login |= {"email": owner.email, "password": owner.password}
        resumed = browser.post("/user/login/", data=login)
        action = re.search(r'method="post" action="([^"]+)"', resumed.text)[1]
        return browser.post(html.unescape(action), data=read_hidden(resumed.text))

    return resume


def test_a_connection_that_was_typed_survives_the_end_of_the_session(
    app, browser, owner, project, put_object, send, come_back
):
    put_object("a.jpg")
    browser.cookies.clear()
    sent = come_back(send("connect", token=TYPED[0], title="<Typed>", prefix=""))
    found = storages.list_storages(app, owner.principal, project.id, Purpose.IMPORT)

    assert sent.status_code == 303, sent.text
    assert [each.fields["title"] for each in found] == ["<Typed>"]
    assert found[0].secrets_set == ("token",)


def test_a_check_of_the_wizard_goes_on_with_everything_that_was_typed(
    browser, put_object, send, come_back
):
    put_object("a.jpg")
    browser.cookies.clear()
    typed = {"title": "Half typed", "description": "A\r\nB"}
    shown = come_back(send("check", token=TYPED[1], **typed))

    assert shown.status_code == 200
    assert 'value="Half typed"' in shown.text
    assert "A\nB" in shown.text.replace("\r", "")
    assert "passed" in shown.text
    assert TYPED[1] not in shown.text


def test_a_plan_that_was_typed_survives_the_end_of_the_session(
    app, browser, owner, project, come_back
):
    sent = {"schedule": "every 6 hours", "keep_count": "3", "keep_days": ""}
    browser.cookies.clear()
    come_back(browser.post("/projects/1/backups/plan/", data=sent))
    plan = plans.get_plan(app, owner.principal, project.id)

    assert (plan.schedule, plan.keep_count) == ("every 6 hours", 3)


def test_a_storage_that_was_deleted_meanwhile_is_a_page_that_says_so(
    app, browser, owner, put_object, connect
):
    put_object("a.jpg")
    storage = connect(token="any")
    media = browser.get("/projects/1/media/")
    base = f"/projects/1/storages/{storage.id}/"
    storages.remove_storage(app, owner.principal, storage.id, storage.purpose)
    asked = [browser.get(base + part) for part in ("", "edit/", "delete/", "browse/")]
    sent = [
        browser.post(base + part, data={"title": "Typed"})
        for part in ("sync/", "edit/", "delete/", "dry-run/", "deliveries/retry/")
    ]
    slot = re.search(r'name="slot" value="([^"]*)"', media.text)[1]
    typed = {"slot": slot, "storage": str(storage.id), "action": "attach"}
    attached = browser.post("/projects/1/media/", data=typed)

    assert {answer.status_code for answer in (*asked, *sent)} == {404}
    for answer in (*asked, *sent):
        assert "<h1>Nothing here</h1>" in answer.text
        assert f"storage {storage.id}" in answer.text
    assert attached.status_code == 400
    assert 'role="alert"' in attached.text


@contextlib.contextmanager
def serve_at(app, port):
    """Serve the application where it was before, as after a restart."""
    config = uvicorn.Config(
        create_app(app), host="127.0.0.1", port=port, log_config=None,
        access_log=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="restarted server")
    thread.start()
    try:
        wait_until(lambda: server.started, seconds=20)
        yield
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def choose_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_live_page_goes_on_after_a_restart_of_the_server(site, open_tab):
    site.put("waits/a.json", b'{"text": "a"}', "application/json")
    number = site.create_project("Restarted")
    letters = site.connect(number, prefix="waits", use_blob_urls=False)
    run_id = add_run_for_later(site, number, letters.id)
    port = choose_port()
    tab = open_tab()
    with serve_at(site.app, port):
        tab.goto(f"http://127.0.0.1:{port}/projects/{number}/runs/{run_id}/")
        live = tab.locator("#live")
        expect(live).to_contain_text("Queued")
    with site.app.database.write() as session:  # the worker goes on meanwhile
        session.get_one(Run, run_id).due_at = database_now()
    wait_until(lambda: not runs.is_active(site.app, run_id), seconds=20)
    expect(live).to_contain_text("Queued")  # nothing of it is lost from sight
    with serve_at(site.app, port):
        expect(tab.locator("#live")).to_contain_text("Completed", timeout=20_000)


def add_run_for_later(site, project_id, storage_id):
    """A run that waits until the test says so."""
    later = utc_now() + timedelta(hours=1)
    with site.app.database.write() as session:
        run = Run(
            storage_id=storage_id, project_id=project_id, kind="import", due_at=later
        )
        session.add(run)
        session.flush()
        return run.id

"""The pages of storages: status, settings without secrets, changes, removal."""

from __future__ import annotations

import html

import pytest
from starlette.testclient import TestClient

from labeldock.contract import Purpose
from labeldock.services import storages
from labeldock.services.annotations import create_annotation
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from tests.system.conftest import build_app

PAGE = {"Accept": "text/html"}


def path_of(storage, rest=""):
    return f"/projects/{storage.project_id}/storages/{storage.id}/{rest}"


@pytest.fixture
def storage(put_object, connect):
    put_object("a.jpg")
    return connect(title="Coast", schedule="every 2 hours")


def test_before_the_first_sync_the_page_says_how_to_do_it(browser, storage):
    text = browser.get(path_of(storage)).text

    assert "Not synced yet" in text
    assert f"labeldock storage sync {storage.id}" in text
    assert f'action="{path_of(storage, "sync/")}"' in text


def test_a_sync_is_asked_for_with_a_button(browser, storage):
    answer = browser.post(path_of(storage, "sync/"))
    page = browser.get(answer.headers["location"]).text

    assert answer.headers["location"] == "/projects/1/runs/1/"
    assert "The sync was asked for." in page
    assert "Queued" in page
    assert 'data-live="/projects/1/runs/1/events"' in page


def test_a_dry_run_is_asked_for_with_a_button(browser, storage):
    answer = browser.post(path_of(storage, "dry-run/"))

    assert "<h1>Dry run 1</h1>" in browser.get(answer.headers["location"]).text


def test_a_schedule_says_when_the_next_sync_is(browser, storage):
    page = browser.get(path_of(storage)).text

    assert f"{storage.next_run_at:%Y-%m-%d %H:%M} UTC</time>" in page
    assert "every 2 hours, in UTC" in page


def test_runs_of_a_storage_are_drawn(browser, storage, sync):
    for _ in range(3):
        sync(storage)

    text = browser.get(path_of(storage)).text

    assert "How long runs took: 3 runs, 0 of them failed" in text
    assert text.count("<rect ") >= 3
    assert text.count("/runs/3/") >= 1


def test_the_form_shows_what_is_set_and_saves_what_was_changed(
    app, browser, owner, storage
):
    form = browser.get(path_of(storage, "edit/")).text
    sent = {"title": "Shore", "bucket": "media", "use_blob_urls": "True",
            "recursive_scan": "on", "synchronizable": "on", "presign": "on",
            "presign_ttl": "20", "on_change": "report"}  # fmt: skip
    answer = browser.post(path_of(storage, "edit/"), data=sent)

    changed = storages.find_storage(app, owner.principal, storage.id)
    assert 'value="Coast"' in form
    assert 'value="every 2 hours"' in form
    assert answer.status_code == 303, answer.text
    assert changed.fields["title"] == "Shore"
    assert changed.fields["presign_ttl"] == 20
    assert changed.fields["recursive_scan"] is True
    assert "Saved." in browser.get(path_of(storage)).text


def test_a_value_that_cannot_be_is_refused_at_its_field(browser, storage):
    sent = {"bucket": "media", "use_blob_urls": "True", "presign_ttl": "0",
            "title": "Kept as typed", "on_change": "report"}  # fmt: skip
    answer = browser.post(path_of(storage, "edit/"), data=sent)

    assert answer.status_code == 400
    assert 'id="presign_ttl-error1"' in answer.text
    assert 'value="Kept as typed"' in answer.text


def test_what_is_removed_and_what_stays_is_said_before(app, browser, storage, sync):
    sync(storage)
    asked = browser.get(path_of(storage, "delete/")).text
    answer = browser.post(path_of(storage, "delete/"))

    assert "What goes:" in asked
    assert "Disconnect “<bdi>Coast</bdi>”?" in html.unescape(asked)
    assert answer.headers["location"] == "/projects/1/storages/"
    assert "Its tasks stay." in browser.get("/projects/1/storages/").text
    assert "<b>1</b> task" in browser.get("/projects/1/").text


def test_a_storage_that_was_removed_meanwhile_is_a_page_that_says_so(
    app, browser, owner, storage
):
    storages.remove_storage(app, owner.principal, storage.id, storage.purpose)

    for method, rest in (("GET", ""), ("POST", "sync/"), ("POST", "edit/")):
        answer = browser.request(method, path_of(storage, rest))
        assert answer.status_code == 404
        assert "<h1>Nothing here</h1>" in answer.text


def test_a_storage_of_another_project_is_not_shown_in_this_one(browser, storage):
    browser.post("/projects/new/", data={"title": "Others"})

    assert browser.get("/projects/2/").status_code == 200
    assert browser.get(f"/projects/2/storages/{storage.id}/").status_code == 404
    assert browser.post(f"/projects/2/storages/{storage.id}/sync/").status_code == 404


def test_a_failure_is_told_on_every_page_that_it_is_about(
    browser, storage, memory, sync
):
    del memory._buckets["media"]
    sync(storage)

    for path in (path_of(storage), "/projects/1/errors/", "/projects/1/storages/"):
        assert "container_not_found: " in browser.get(path).text
    assert "Correlation id: " in browser.get(path_of(storage)).text


def test_a_storage_that_needs_attention_says_why(home, app, owner, storage, sync):
    sync(storage)
    without = build_app(home, build_catalog())
    with TestClient(create_app(without)) as client:
        headers = {**PAGE, **owner.headers}
        text = client.get(path_of(storage), headers=headers).text
        form = client.get(path_of(storage, "edit/"), headers=headers).text
    without.close()

    assert "Needs attention" in text
    assert "there is no provider" in text
    assert "cannot be used here" in form


def test_deliveries_that_were_given_up_are_shown_and_tried_again(
    app, browser, owner, task, connect, memory
):
    target = connect(Purpose.EXPORT, title="Results")
    create_annotation(app, owner.principal, task.id, {"result": []})

    text = browser.get(path_of(target)).text
    answer = browser.post(path_of(target, "deliveries/retry/"))

    assert "<dt>Waiting</dt><dd>1</dd>" in text
    assert answer.status_code == 303

"""The pages of runs: what they counted, what failed and why, live and afterwards."""

from __future__ import annotations

import asyncio

import pytest

from labeldock.services import storages
from labeldock.web.console import run_stream


@pytest.fixture
def flawed(put_object, connect, sync):
    """A run with eight broken files of one cause, and an empty one."""
    for number in range(8):
        put_object(f"bad {number}.json", b"{")
    put_object("empty.json", b"")
    put_object("good.json", b'{"text": "a"}')
    return sync(connect(use_blob_urls=False))


def test_errors_are_grouped_by_cause_with_what_to_do(browser, flawed):
    text = browser.get(f"/projects/1/runs/{flawed.id}/").text

    assert "Completed with errors" in text
    assert "8 objects" in text
    assert "What to do:" in text
    assert text.count("<li><code><bdi>bad") == 5
    assert 'name="retry_failed" value="on"' in text


def test_all_errors_are_downloaded_as_a_file(browser, flawed):
    answer = browser.get(f"/projects/1/runs/{flawed.id}/errors?format=csv")

    assert answer.headers["Content-Disposition"].endswith('-errors.csv"')
    assert answer.text.count("bad ") == 8


def test_the_errors_of_a_project_are_gathered(browser, project, flawed):
    text = browser.get("/projects/1/errors/").text

    assert "8 objects" in text
    assert f'href="/projects/1/runs/{flawed.id}/"' in text


def test_without_errors_the_page_says_so(browser, project, put_object, connect, sync):
    assert "No storage is connected yet" in browser.get("/projects/1/errors/").text
    put_object("a.jpg")
    sync(connect())

    assert "Every storage did what it was asked" in (
        browser.get("/projects/1/errors/").text
    )


def test_what_happened_to_a_run_is_told_in_order(browser, owner, flawed):
    text = browser.get(f"/projects/1/runs/{flawed.id}/").text

    began = text.index("Work began")
    assert text.index(f"asked for by {owner.email}") < began
    assert began < text.index("Completed with errors", began)


def test_a_run_is_cancelled_and_goes_on(app, browser, owner, put_object, connect):
    put_object("a.jpg")
    storage = connect()
    storages.sync_storage(app, owner.principal, storage.id, storage.purpose)
    path = "/projects/1/runs/1/"

    browser.post(f"{path}cancel/")
    cancelled = browser.get(path).text
    again = browser.post(f"{path}cancel/")
    browser.post(f"{path}retry/")
    queued = browser.get(path).text

    assert "The run was cancelled." in cancelled
    assert f"Cancelled by {owner.email}" in cancelled
    assert again.status_code == 303  # it has ended, which the page says
    assert "The run goes on from where it stopped." in queued
    assert "Cancel this run" in queued


def test_a_run_that_ended_well_cannot_be_retried(browser, put_object, connect, sync):
    put_object("a.jpg")
    run = sync(connect())
    answer = browser.post(f"/projects/1/runs/{run.id}/retry/")

    assert answer.status_code == 409
    assert "only failed and cancelled runs" in answer.text


def test_runs_are_listed_newest_first(browser, put_object, connect, sync):
    put_object("a.jpg")
    storage = connect(title="Coast")
    for _ in range(31):
        last = sync(storage)

    first = browser.get("/projects/1/runs/").text
    older = browser.get("/projects/1/runs/?before=2").text

    assert first.index(f"Import {last.id}<") < first.index("Import 2<")
    assert 'href="?before=2"' in first
    assert "Import 1<" in older
    assert "Import 2<" not in older


def test_the_events_of_a_run_are_its_changing_part(browser, flawed):
    answer = browser.get(f"/projects/1/runs/{flawed.id}/events")

    events = answer.text.split("\n\n")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    assert events[1].startswith("event: part\ndata: ")
    assert "Completed with errors" in events[1]
    assert events[2] == "event: end\ndata: "


def test_a_part_is_sent_when_it_has_changed_and_not_before(monkeypatch):
    monkeypatch.setattr(run_stream, "_PAUSE", 0.001)
    states = [("<p>1\n</p>", True), ("<p>1\n</p>", True), ("<p>2</p>", False)]

    async def collect():
        render = iter(states).__next__
        return [text async for text in run_stream._iterate(render)]

    assert asyncio.run(collect()) == [
        "retry: 2000\n\n",
        "event: part\ndata: <p>1\ndata: </p>\n\n",
        "event: part\ndata: <p>2</p>\n\n",
        "event: end\ndata: \n\n",
    ]


def test_events_are_for_those_who_may_see_the_run(client, stranger, flawed):
    headers = {"Accept": "text/event-stream", **stranger.headers}
    path = f"/projects/1/runs/{flawed.id}/events"

    assert client.get(path).status_code == 401
    assert client.get(path, headers=headers).status_code in {403, 404}

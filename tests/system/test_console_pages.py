"""The console: what its pages show, and that what they show stays text."""

from __future__ import annotations

import html
import io
import re
import shlex

import pyarrow as pa
import pytest
import typer
from pyarrow import parquet as pq
from starlette.testclient import TestClient

from labeldock.cli.application import build_application
from labeldock.contract import Purpose
from labeldock.services import projects, runs, storages, tasks
from labeldock.services.annotations import create_annotation
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.console.commands import CREATE_USER
from tests.system.conftest import build_app

PAGE = {"Accept": "text/html"}
SCRIPT = '<script>alert("1")</script>\'"&'


@pytest.fixture
def browser(client, owner):
    form = {"email": owner.email, "password": owner.password}
    origin = {"Origin": "http://testserver"}
    assert client.post("/user/login/", data=form, headers=origin).status_code == 303
    client.headers.update(PAGE)
    return client


def test_without_projects_the_page_says_how_to_make_one(browser, owner):
    text = browser.get("/").text

    assert "No project yet" in text
    command = "labeldock project create --title &#34;My project&#34; --email "
    assert command + owner.email in text


def test_without_storages_the_page_says_how_to_connect_one(browser, project):
    command = f"labeldock storage add local --project {project.id} --blob --recursive"

    assert command in browser.get("/").text
    detail = browser.get(f"/projects/{project.id}/").text
    assert command in detail
    assert f"labeldock storage add local --project {project.id} --export" in detail


def test_without_providers_the_page_says_what_to_install(home, app, owner, project):
    without = build_app(home, build_catalog())
    with TestClient(create_app(without)) as client:
        headers = {**PAGE, **owner.headers}
        text = client.get(f"/projects/{project.id}/", headers=headers).text
    without.close()

    assert "pip install labeldock-local" in text


def test_before_the_first_sync_the_page_says_how_to_do_it(
    browser, project, put_object, connect
):
    put_object("a.jpg")
    storage = connect()

    text = browser.get(f"/projects/{project.id}/").text

    assert "Not synced yet" in text
    assert f"labeldock storage sync {storage.id}" in text


@pytest.fixture
def imported(put_object, connect, sync):
    for number in range(60):
        put_object(f"sea/gull {number:02}.jpg")
    storage = connect(title="Coast")
    sync(storage)
    return storage


def test_the_projects_are_shown_with_storages_and_first_tasks(
    browser, project, imported, connect
):
    connect(Purpose.EXPORT, title="Results")

    text = browser.get("/").text

    assert f'href="/projects/{project.id}/">Birds</a>' in text
    assert "Coast" in text
    assert "Completed" in text
    assert "<b>60</b> new tasks" in text
    assert "Results" in text
    assert text.count('<li class="tile">') == 8
    assert "All 60 tasks" in text


def test_a_picture_is_shown_through_the_address_that_checks_who_asks(browser, imported):
    text = browser.get("/").text

    pictures = re.findall(r'<img src="(/tasks/[^"]+)" alt="([^"]*)"', text)
    assert len(pictures) == 8
    assert pictures[0][0].startswith("/tasks/1/resolve/?fileuri=")
    assert pictures[0][1] == "gull 00.jpg"


def test_pictures_are_of_the_site_that_the_page_is_of(
    home, catalog, owner, app, project, imported
):
    public = build_app(home, catalog, public_url="https://labels.example.org")
    with TestClient(create_app(public)) as client:
        text = client.get("/", headers={**PAGE, **owner.headers}).text
    public.close()

    assert '<img src="/tasks/1/resolve/' in text
    assert "https://labels.example.org" not in text


def test_tasks_are_shown_page_by_page(browser, project, imported):
    path = f"/projects/{project.id}/"
    first, second = browser.get(path).text, browser.get(f"{path}?page=2").text

    assert first.count('<li class="tile">') == 48
    assert second.count('<li class="tile">') == 12
    assert 'href="?page=2"' in first
    assert "Page 2 of 2" in second
    assert browser.get(f"{path}?page=3").status_code == 404


def test_a_failure_is_told_on_both_pages(
    browser, project, memory, put_object, connect, sync
):
    put_object("a.jpg")
    storage = connect()
    del memory._buckets["media"]
    sync(storage)

    assert "container_not_found: " in browser.get("/").text
    detail = browser.get(f"/projects/{project.id}/").text
    assert "Failed" in detail
    assert "Correlation id: " in detail


def test_rows_of_one_file_are_told_apart(browser, put_object, connect, sync):
    put_object("letters.jsonl", b'{"text": "a"}\n{"text": "b"}')
    sync(connect(use_blob_urls=False))

    text = browser.get("/").text

    assert 'title="letters.jsonl:1"' in text
    assert 'title="letters.jsonl:2"' in text


def test_rows_of_several_groups_are_told_apart(browser, put_object, connect, sync):
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), file, row_group_size=2)
    put_object("letters.parquet", file.getvalue())
    sync(connect(use_blob_urls=False))

    text = browser.get("/").text

    for place in ("1.1", "1.2", "2.1"):
        assert f'title="letters.parquet:{place}"' in text


def test_labelled_tasks_are_marked(app, browser, owner, project, imported):
    create_annotation(app, owner.principal, 1, {"result": []})

    text = browser.get(f"/projects/{project.id}/").text

    assert text.count('class="hidden">labelled') == 1
    assert "<b>1</b> labelled" in text


def test_objects_that_failed_are_listed_with_the_reason(
    browser, project, put_object, connect, sync
):
    for number in range(12):
        put_object(f"bad {number:02}.json", b"{")
    run = sync(connect(use_blob_urls=False))

    text = browser.get(f"/projects/{project.id}/").text

    assert "Completed with errors" in text
    assert text.count('<code class="key">bad') == 10
    assert "Broken JSON" in text
    assert f"labeldock run show {run.id}" in text


def test_a_page_with_work_in_progress_is_looked_at_again(
    app, browser, owner, project, put_object, connect
):
    put_object("a.jpg")
    storage = connect()
    assert "http-equiv" not in browser.get("/").text
    view = storages.sync_storage(app, owner.principal, storage.id, storage.purpose)

    assert '<meta http-equiv="refresh" content="5">' in browser.get("/").text
    runs.cancel_run(app, owner.principal, view.run.id)
    text = browser.get(f"/projects/{project.id}/").text
    assert "http-equiv" not in text
    assert f"cancelled by {owner.email}" in text


def test_text_tasks_show_how_they_begin(app, browser, owner, project):
    long = "It was a dark and stormy night. " * 50
    tasks.create_task(app, owner.principal, project.id, {"text": long, "n": 1})

    text = browser.get("/").text

    assert long[:100] in text
    assert long[:400] not in text


def test_a_task_of_a_list_is_shown(app, browser, owner, project):
    tasks.create_task(app, owner.principal, project.id, ["one", {"two": 2}])

    assert "one" in browser.get("/").text


def test_whatever_is_shown_stays_text(
    app, browser, owner, project, put_object, connect, sync
):
    put_object(f"{SCRIPT}.jpg")
    put_object(f"{SCRIPT}.json", b"{")
    sync(connect(title=SCRIPT, regex_filter=".*jpg"))
    sync(connect(title=SCRIPT, use_blob_urls=False, regex_filter=".*json"))
    tasks.create_task(app, owner.principal, project.id, {"text": SCRIPT})
    values = {"title": SCRIPT, "description": SCRIPT}
    projects.update_project(app, owner.principal, project.id, values)

    for path in ("/", f"/projects/{project.id}/"):
        text = browser.get(path).text
        assert "<script" not in text
        assert "alert(&#34;1&#34;)" in text
        assert 'alert("1")' not in text


@pytest.mark.parametrize("path", ["/", "/projects/1/", "/user/login/", "/nowhere"])
def test_no_page_has_a_script_or_style_in_it(browser, project, imported, path):
    text = browser.get(path).text

    assert "<script" not in text
    assert "<style" not in text
    assert not re.search(r"\s(style|on\w+)=", text)
    assert text.startswith("<!doctype html>")


def test_no_page_is_kept_by_caches(browser):
    assert browser.get("/").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "kind"), [("style.css", "text/css"), ("icon.svg", "image/svg+xml")]
)
def test_static_files_are_public(client, name, kind):
    answer = client.get(f"/static/{name}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize("path", ["/static/", "/static/../pages.py", "/static/%2e%2e"])
def test_nothing_else_of_the_package_is_served(client, path):
    assert client.get(path).status_code == 404


def test_a_project_of_somebody_else_is_a_page_that_says_so(client, stranger, project):
    answer = client.get(
        f"/projects/{project.id}/", headers={**PAGE, **stranger.headers}
    )

    assert answer.status_code == 403
    assert "<h1>Not for you</h1>" in answer.text
    assert answer.headers["X-Correlation-Id"] in answer.text


def test_a_path_without_its_slash_leads_to_the_page(browser, project):
    answer = browser.get(f"/projects/{project.id}")

    assert answer.headers["location"].endswith(f"/projects/{project.id}/")


def test_a_storage_that_needs_attention_says_why(home, app, owner, project, imported):
    without = build_app(home, build_catalog())
    with TestClient(create_app(without)) as client:
        headers = {**PAGE, **owner.headers}
        text = client.get(f"/projects/{project.id}/", headers=headers).text
    without.close()

    assert "Needs attention" in text
    assert "there is no provider" in text


COMMANDS = re.compile(r"labeldock (?:user|project|storage|run|demo)[^<\n]*")


def test_the_commands_on_the_pages_can_be_typed(
    client, browser, project, put_object, connect, sync
):
    shown = [client.get("/user/login/").text, CREATE_USER, browser.get("/").text]
    put_object("bad.json", b"{")
    projects_page = f"/projects/{project.id}/"
    shown.append(browser.get(projects_page).text)
    connect(use_blob_urls=False)
    shown.append(browser.get(projects_page).text)
    sync(connect(use_blob_urls=False))
    shown.append(browser.get(projects_page).text)
    commands = {html.unescape(c) for text in shown for c in COMMANDS.findall(text)}

    assert len(commands) >= 5
    for command in commands:
        assert_can_be_typed(command)


def assert_can_be_typed(command):
    """The words name a command, and what it does not know goes to the provider."""
    known = typer.main.get_command(build_application())
    words = shlex.split(command)[1:]
    while words and words[0] in getattr(known, "commands", {}):
        known = known.commands[words.pop(0)]
    assert not hasattr(known, "commands"), command
    options = {o for each in known.params for o in (*each.opts, *each.secondary_opts)}
    unknown = {word for word in words if word.startswith("--")} - options
    assert unknown <= {"--path", "--bucket"}, command


def test_a_storage_with_a_schedule_says_when_it_is_synced_next(
    browser, put_object, connect, project
):
    put_object("a.jpg")
    storage = connect(schedule="every 2 hours")

    page = browser.get(f"/projects/{project.id}/").text

    shown = f"{storage.next_run_at:%Y-%m-%d %H:%M} UTC"
    assert f'title="every 2 hours, in UTC">{shown}</time>' in page

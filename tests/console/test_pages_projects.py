"""The pages of projects: what they show, and what they say where there is nothing."""

from __future__ import annotations

import html
import re
import shlex

import pytest
import typer
from sqlmodel import select
from starlette.testclient import TestClient

from labeldock.cli.application import build_application
from labeldock.contract import Purpose
from labeldock.db.accounts import OrganizationMember
from labeldock.services import progress_history, projects, runs, storages, tasks
from labeldock.services.access import OrganizationRole
from labeldock.services.annotations import create_annotation
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.console.commands import CREATE_USER
from tests.system.conftest import build_app

PAGE = {"Accept": "text/html"}


@pytest.fixture
def imported(put_object, connect, sync):
    for number in range(60):
        put_object(f"sea/gull {number:02}.jpg")
    storage = connect(title="Coast")
    sync(storage)
    return storage


def test_a_guest_is_offered_no_project_to_make(app, client, owner, viewer):
    with app.database.write() as session:
        members = session.exec(select(OrganizationMember)).all()
        for member in members:
            if member.user_id != owner.principal.user_id:
                member.role = OrganizationRole.GUEST
    shown = client.get("/", headers=viewer)
    refused = client.get("/projects/new/", headers=viewer)

    assert shown.status_code == 200
    assert "/projects/new/" not in shown.text
    assert refused.status_code == 403
    assert "Ask an administrator of your organisation" in refused.text


def test_without_projects_the_page_says_what_to_do(browser):
    text = browser.get("/").text

    assert "No project yet" in text
    assert 'href="/projects/new/"' in text


def test_a_project_is_made_with_a_form(browser):
    answer = browser.post("/projects/new/", data={"title": " Sea birds "})
    page = browser.get(answer.headers["location"]).text

    assert answer.status_code == 303
    assert "<h1><bdi>Sea birds</bdi></h1>" in page
    assert "Connect a storage to fill it" in page
    assert "Connect a storage to fill it" not in browser.get("/").text


def test_a_project_that_cannot_be_made_keeps_what_was_typed(browser):
    values = {"title": "ab", "description": "About <gulls>"}
    answer = browser.post("/projects/new/", data=values)

    assert answer.status_code == 400
    assert 'value="ab"' in answer.text
    assert "About &lt;gulls&gt;" in answer.text
    assert "Needs 3 to 50 characters." in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_projects_are_searched_and_sorted(app, browser, owner):
    for title in ("Zebras", "Gulls at sea", "Auks"):
        projects.create_project(app, owner.principal, {"title": title})

    by_title = browser.get("/?sort=title").text
    found = browser.get("/?search=GULL").text
    none = browser.get("/?search=whale").text

    shown = re.findall(r"<h2><a[^>]+><bdi>([^<]+)", by_title)
    assert shown == ["Auks", "Gulls at sea", "Zebras"]
    assert re.findall(r"<h2><a[^>]+><bdi>([^<]+)", found) == ["Gulls at sea"]
    assert "No project is called that" in none
    assert browser.get("/?sort=nonsense").status_code == 200


def test_projects_come_page_by_page_and_keep_the_search(app, browser, owner):
    for number in range(25):
        projects.create_project(app, owner.principal, {"title": f"Birds {number}"})

    first = browser.get("/?search=birds").text

    assert 'href="?search=birds&amp;sort=&amp;page=2"' in first
    assert "Page 2 of 2" in browser.get("/?search=birds&page=2").text
    assert browser.get("/?page=3").status_code == 404


@pytest.mark.parametrize(
    ("key", "data", "words"),
    [("a.json", b"[]", "Healthy"), ("b.json", b"{", "With errors")],
)
def test_a_project_shows_how_it_is(
    browser, put_object, connect, sync, key, data, words
):
    put_object(key, data)
    sync(connect(use_blob_urls=False))

    assert f">{words}</span>" in browser.get("/").text


def test_the_overview_shows_storages_runs_and_first_tasks(
    browser, project, imported, connect
):
    connect(Purpose.EXPORT, title="Results")

    text = browser.get(f"/projects/{project.id}/").text

    assert ">Coast</bdi>" in text
    assert ">Results</bdi>" in text
    assert "<b>60</b> new tasks" in text
    assert 'href="/projects/1/runs/1/">Import 1</a>' in text
    assert text.count('<li class="tile">') == 8
    assert "All 60 tasks" in text
    assert browser.get("/").text.count("1 import storage") == 1


def test_a_picture_is_shown_through_the_address_that_checks_who_asks(browser, imported):
    text = browser.get("/projects/1/").text

    pictures = re.findall(r'<img src="(/tasks/[^"]+)" alt="([^"]*)"', text)
    assert len(pictures) == 8
    assert pictures[0][0].startswith("/tasks/1/resolve/?fileuri=")
    assert pictures[0][1] == "gull 00.jpg"


def test_pictures_are_of_the_site_that_the_page_is_of(
    home, catalog, owner, app, project, imported
):
    public = build_app(home, catalog, public_url="https://labels.example.org")
    with TestClient(create_app(public)) as client:
        text = client.get("/projects/1/", headers={**PAGE, **owner.headers}).text
    public.close()

    assert '<img src="/tasks/1/resolve/' in text
    assert "https://labels.example.org" not in text


def test_what_came_over_time_is_drawn_once_it_was_noted(
    app, browser, owner, project, imported
):
    path = f"/projects/{project.id}/"
    assert "Tasks over time" not in browser.get(path).text
    start = project.created_at.replace(minute=0, second=0, microsecond=0)
    progress_history.note_points(app, start)
    create_annotation(app, owner.principal, 1, {"result": []})
    progress_history.note_points(app, start + 3 * progress_history.STEP)

    text = browser.get(path).text

    assert "Tasks over time: from 60 to 60 tasks, 1 labelled" in text
    assert text.count("<polyline points=") == 2


def test_a_page_with_work_in_progress_is_looked_at_again(
    app, browser, owner, project, put_object, connect
):
    put_object("a.jpg")
    storage = connect()
    assert "http-equiv" not in browser.get("/").text
    view = storages.sync_storage(app, owner.principal, storage.id, storage.purpose)

    for path in ("/", f"/projects/{project.id}/", f"/projects/{project.id}/storages/"):
        text = browser.get(path).text
        refresh = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        assert refresh in text
        assert 'data-refresh="5"' in text
    runs.cancel_run(app, owner.principal, view.run.id)
    assert "http-equiv" not in browser.get(f"/projects/{project.id}/").text


def test_the_settings_of_a_project_are_changed(app, browser, owner, project):
    path = f"/projects/{project.id}/settings/"
    config = '<View>\r\n<Text name="t" value="$t"/>\r\n</View>'
    values = {"title": "Auks", "description": "", "maximum_annotations": "2"}
    answer = browser.post(path, data={**values, "label_config": config})

    changed = projects.get_project(app, owner.principal, project.id)
    assert answer.status_code == 303
    assert (changed.title, changed.maximum_annotations) == ("Auks", 2)
    assert changed.label_config == config.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("label_config", "<View><Text>", "Not XML"),
        ("label_config", '<View><Choices toName="x"/></View>', "There is no tag named"),
        ("maximum_annotations", "many", "A valid integer is required."),
        ("maximum_annotations", "0", "Not a whole number of at least 1."),
        ("title", "", "Needs 3 to 50 characters."),
    ],
)
def test_settings_that_cannot_be_are_refused_at_their_field(
    app, browser, owner, project, field, value, text
):
    values = {"title": "Auks", "label_config": "<View/>", "maximum_annotations": "1"}
    answer = browser.post(
        f"/projects/{project.id}/settings/", data={**values, field: value}
    )

    kept = projects.get_project(app, owner.principal, project.id)
    assert answer.status_code == 400
    assert f'id="{field}-error1">{text}' in html.unescape(answer.text)
    assert kept.title == project.title


def test_a_project_is_deleted_once_its_title_was_typed(app, browser, project, task):
    path = f"/projects/{project.id}/delete/"
    asked = browser.get(path).text
    wrong = browser.post(path, data={"title": "Fish"})
    right = browser.post(path, data={"title": "Birds"})

    assert "1 task, 0 annotations" in asked
    assert wrong.status_code == 400
    assert "That is not its title." in wrong.text
    assert right.status_code == 303
    assert "everything in it was deleted" in browser.get("/").text
    assert browser.get(f"/projects/{project.id}/").status_code == 404


def test_text_tasks_show_how_they_begin(app, browser, owner, project):
    long = "It was a dark and stormy night. " * 50
    tasks.create_task(app, owner.principal, project.id, {"text": long, "n": 1})

    text = browser.get(f"/projects/{project.id}/").text

    assert long[:100] in text
    assert long[:400] not in text


COMMANDS = re.compile(r"labeldock (?:user|project|storage|run|demo)[^<\n]*")


def test_the_commands_on_the_pages_can_be_typed(
    client, browser, project, put_object, connect, sync
):
    shown = [client.get("/user/login/").text, CREATE_USER, browser.get("/").text]
    put_object("bad.json", b"{")
    paths = [f"/projects/{project.id}/storages/", "/projects/1/storages/1/"]
    shown.append(browser.get(paths[0]).text)
    connect(use_blob_urls=False)
    shown += [browser.get(path).text for path in paths]
    commands = {html.unescape(c) for text in shown for c in COMMANDS.findall(text)}

    assert len(commands) >= 4
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


def test_without_providers_the_page_says_what_to_install(home, app, owner, project):
    without = build_app(home, build_catalog())
    with TestClient(create_app(without)) as client:
        headers = {**PAGE, **owner.headers}
        text = client.get(f"/projects/{project.id}/storages/", headers=headers).text
        plugins = client.get("/system/plugins/", headers=headers).text
    without.close()

    assert "pip install labeldock-local" in text
    assert "No plug-in is installed" in plugins

"""Forms of all pages: whose session ended, who may not, who comes from elsewhere."""

from __future__ import annotations

import html
import re

import pytest

from labeldock.services import projects
from labeldock.web.sessions import COOKIE

OWN = {"Accept": "text/html", "Origin": "http://testserver"}


def read_hidden(text):
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def test_nothing_typed_is_lost_when_the_session_ends(app, browser, owner, project):
    typed = {"title": "<Typed>", "description": "A long text.\r\nWith lines.",
             "label_config": "<View/>", "maximum_annotations": "3"}  # fmt: skip
    browser.cookies.clear()
    refused = browser.post("/projects/1/settings/", data=typed)
    kept = read_hidden(refused.text)
    wrong = browser.post(
        "/user/login/", data={**kept, "email": owner.email, "password": "no"}
    )
    kept = read_hidden(wrong.text)
    login = {**kept, "email": owner.email, "password": owner.password}
    resumed = browser.post("/user/login/", data=login)
    action = re.search(r'method="post" action="([^"]+)"', resumed.text)[1]
    sent = browser.post(action, data=read_hidden(resumed.text))

    assert refused.status_code == 401
    assert "What you typed is kept." in refused.text
    assert wrong.status_code == 401
    assert "You are logged in again" in resumed.text
    assert sent.status_code == 303
    changed = projects.get_project(app, owner.principal, project.id)
    assert changed.title == "<Typed>"
    assert changed.description == "A long text.\r\nWith lines."
    assert changed.maximum_annotations == 3


def test_nothing_is_kept_of_what_a_foreign_page_sends(browser, project):
    browser.cookies.clear()
    answer = browser.post(
        "/projects/1/settings/",
        data={"title": "Theirs"},
        headers={"Origin": "https://evil.example"},
    )

    assert "Theirs" not in answer.text
    assert "kept" not in answer.text


def test_a_form_of_a_foreign_page_is_refused(browser, project):
    answer = browser.post(
        "/projects/1/settings/",
        data={"title": "Theirs"},
        headers={"Origin": "https://evil.example"},
    )

    assert answer.status_code == 403
    assert COOKIE in browser.cookies


MANAGERS = [
    "/projects/1/settings/", "/projects/1/webhooks/", "/projects/1/storages/1/edit/",
    "/projects/1/storages/1/delete/", "/projects/1/delete/", "/projects/1/audit/",
    "/projects/1/backups/",
]  # fmt: skip
FORMS = [
    "/projects/1/settings/", "/projects/1/storages/1/sync/", "/projects/1/delete/",
    "/projects/1/storages/1/delete/", "/projects/1/storages/1/edit/",
    "/projects/1/webhooks/", "/projects/1/members/", "/projects/1/members/invite/",
    "/projects/1/storages/1/dry-run/",
]  # fmt: skip


@pytest.fixture
def storage(put_object, connect):
    put_object("a.jpg")
    return connect()


def test_a_viewer_gets_a_page_that_says_why(client, viewer, storage):
    for path in MANAGERS:
        answer = client.get(path, headers=viewer)
        assert answer.status_code == 403, path
        assert "<h1>Not for you</h1>" in answer.text
        assert "Ask an owner of project 1" in answer.text
        assert answer.headers["X-Correlation-Id"] in answer.text


def test_a_viewer_can_change_nothing_with_a_form(client, viewer, app, owner, storage):
    for path in FORMS:
        answer = client.post(path, headers={**viewer, **OWN}, data={"title": "Mine"})
        assert answer.status_code == 403, path
    kept = projects.get_project(app, owner.principal, 1)
    assert kept.title == "Birds"


def test_a_viewer_is_offered_nothing_that_they_may_not_do(client, viewer, storage):
    for path in ("/projects/1/", "/projects/1/storages/", "/projects/1/storages/1/"):
        text = client.get(path, headers=viewer).text
        posts = re.findall(r'method="post" action="([^"]+)"', text)
        assert posts == ["/user/logout/"], path
        assert "/settings/" not in text
        assert "/webhooks/" not in text


def test_a_project_of_somebody_else_is_a_page_that_says_so(client, stranger, project):
    headers = {"Accept": "text/html", **stranger.headers}
    answer = client.get(f"/projects/{project.id}/", headers=headers)

    assert answer.status_code in {403, 404}
    assert "<h1>" in answer.text
    assert "Birds" not in answer.text


def test_a_path_without_its_slash_leads_to_the_page(browser, project):
    answer = browser.get(f"/projects/{project.id}")

    assert answer.headers["location"].endswith(f"/projects/{project.id}/")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("style.css", "text/css"),
        ("icon.svg", "image/svg+xml"),
        ("console.js", "text/javascript"),
    ],
)
def test_static_files_are_public(client, name, kind):
    answer = client.get(f"/static/{name}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize("path", ["/static/", "/static/../pages.py", "/static/%2e%2e"])
def test_nothing_else_of_the_package_is_served(client, path):
    assert client.get(path).status_code == 404


def test_a_note_cannot_be_made_up(browser, project):
    browser.cookies.set("labeldock_note", "<b>anything</b>")
    assert 'class="note' not in browser.get("/").text
    browser.cookies.set("labeldock_note", "unknown-note.5")
    assert 'class="note' not in browser.get("/").text


@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 5000, str(2**63)])
def test_a_member_has_a_number_that_somebody_can_have(browser, project, number):
    sent = {"user": number, "role": "viewer"}

    answer = browser.post("/projects/1/members/", data=sent)

    assert answer.status_code == 400
    assert "A valid integer is required." in answer.text

"""Every page answers, holds nothing inline, and stays text whatever it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from labeldock.contract import Purpose
from labeldock.services import projects, tasks
from labeldock.services.webhooks import registry

HOSTILE = '<script>alert("1")</script>\'"&' + "\u202e" + "w" * 10_000
SHORT = '<script>alert("1")</script>\'"&\u202e'


@pytest.fixture
def filled(app, browser, owner, project, put_object, connect, sync):
    """A project with everything in it that pages show, all of it called badly."""
    put_object(f"{SHORT}.jpg")
    put_object(f"{SHORT}{'w' * 400}.json", b"{")
    title = SHORT + "w" * 200
    sync(connect(title=title, regex_filter=".*jpg"))
    sync(connect(title=title, use_blob_urls=False, regex_filter=".*json"))
    connect(Purpose.EXPORT, title=title)
    tasks.create_task(app, owner.principal, project.id, {"text": HOSTILE})
    values = {"title": SHORT, "description": HOSTILE}
    projects.update_project(app, owner.principal, project.id, values)
    registry.add_webhook(
        app, owner.principal, project.id, {"url": f"http://localhost/?{SHORT}"}
    )
    return project.id


PATHS = [
    "/",
    "/?search=%3Cscript%3E&sort=title",
    "/projects/new/",
    "/projects/1/",
    "/projects/1/tasks/",
    "/projects/1/tasks/?view=list&prefix=%3Cscript%3E",
    "/projects/1/tasks/1/",
    "/projects/1/tasks/2/",
    "/projects/1/label/1/",
    "/projects/1/label/2/",
    "/projects/1/storages/",
    "/projects/1/storages/1/",
    "/projects/1/storages/1/edit/",
    "/projects/1/storages/1/delete/",
    "/projects/1/storages/3/",
    "/projects/1/storages/3/edit/",
    "/projects/1/runs/",
    "/projects/1/runs/1/",
    "/projects/1/runs/2/",
    "/projects/1/errors/",
    "/projects/1/media/",
    "/projects/1/backups/",
    "/restore/",
    "/projects/1/webhooks/",
    "/projects/1/webhooks/1/",
    "/projects/1/members/",
    "/projects/1/audit/",
    "/projects/1/settings/",
    "/projects/1/delete/",
    "/user/tokens/",
    "/system/plugins/",
    "/user/login/",
]


class Names(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.ids = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value for name, value in attrs if name == "id"]


def test_whatever_a_page_shows_stays_text(browser, filled):
    for path in PATHS:
        answer = browser.get(path)
        names = Names(answer.text)

        assert answer.status_code == 200, (path, answer.text[-2000:])
        assert answer.text.startswith("<!doctype html>")
        assert answer.headers["Cache-Control"] == "no-store"
        assert 'alert("1")' not in answer.text, path
        assert "<script>" not in answer.text, path
        assert "style" not in names.tags | names.attributes, path
        assert not [n for n in names.attributes if re.match(r"on\w+", n)], path
        assert len(names.ids) == len(set(names.ids)), f"{path}: an id is there twice"
        assert len(answer.content) < 60_000, f"{path}: a long name, a long page"


def test_a_page_has_one_heading_and_the_same_frame(browser, filled):
    for path in PATHS:
        text = browser.get(path).text

        assert text.count("<h1>") == 1, path
        assert 'href="#main"' in text
        assert re.search(r"<title>[^<]+ · Labeldock</title>", text), path

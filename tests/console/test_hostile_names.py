"""Every page about things that are named to break it, on a screen 360 pixels wide."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import Purpose
from labeldock.services import access, projects, storages, tasks
from labeldock.services.accounts.project_members import add_project_member
from labeldock.services.annotations import create_annotation
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.webhooks import registry
from tests.console.site import PASSWORD
from tests.console.test_axe import Record
from tests.console.visits import PAGES, WITHOUT_LOGIN, find_path, find_reader

# Marks whatever it gets into: markup that was taken for markup, a script that ran.
MARKUP = '<b data-escaped>b</b><img src=x onerror="window.ran=1">'
TURNED = "\u202e\u2066gnp.lluks\u0007"
SHORT = f"'\"><b data-escaped>{TURNED}"
LONG = (
    f"{MARKUP}</title></textarea><script>window.ran=1</script>{TURNED}" + "w" * 10_000
)
ANSWERS = {"refused": 403, "missing": 404}
QUICK = ("overview", "storages", "run", "errors", "tasks", "media", "backups", "task")


@pytest.fixture(scope="module")
def hostile(story, site):
    """The story, with everything in it renamed by somebody who means ill."""
    owner, app = site.people["owner"], site.app
    projects.update_project(app, owner, story, {"title": SHORT, "description": LONG})
    for purpose in Purpose:
        for each in storages.list_storages(app, owner, story, purpose):
            changes = {"title": f"{MARKUP}{'w' * 150}", "description": LONG[:2000]}
            storages.update_storage(app, owner, each.id, purpose, changes)
    rename_files(site, story)
    data = {"text": LONG, MARKUP: {"deep": [LONG, {"url": f"javascript:{LONG}"}]}}
    task = tasks.create_task(app, owner, story, data)
    result = [{"from_name": MARKUP, "to_name": "x", "type": "choices",
               "value": {"choices": [LONG]}}]  # fmt: skip
    create_annotation(app, owner, task.id, {"result": result})
    registry.add_webhook(app, owner, story, {"url": f"http://localhost/?{'w' * 900}"})
    person = access.create_user(app, f"{'w' * 60}@{'w' * 60}.example.org", PASSWORD)
    add_project_member(app, owner, story, person.user_id, "manager")
    name = f"b{'w' * 150}.zip"
    request_backup(app, owner, BackupAsk(story, lightweight=True, filename=name))
    return story, task.id


def rename_files(site, number):
    """A sync of files whose names and errors are markup."""
    key = f"ill/{MARKUP}{TURNED.strip(chr(7))}{'w' * 500}"
    site.put(f"{key}.json", b'[{"data": ', "application/json")
    row = json.dumps({"image": "s3://media/x.png", "text": LONG}).encode()
    site.put(f"{key}-good.json", row, "application/json")
    site.sync(site.connect(number, prefix="ill", title=MARKUP, use_blob_urls=False))


LOOK = """() => ({
    ran: window.ran ?? 0,
    escaped: document.querySelectorAll("[data-escaped]").length,
    width: document.documentElement.scrollWidth,
    widest: [...document.querySelectorAll("main *")]
        .filter((each) => each.getBoundingClientRect().right > 361)
        .filter((each) => !each.closest(".scroll, pre, .tree, table"))
        .slice(0, 3).map((each) => each.outerHTML.slice(0, 160)),
})"""


def walk(open_tab, hostile, names):
    """What is wrong with pages, by their name."""
    (story, task), found, tabs = hostile, {}, {}
    own = {"task": f"tasks/{task}/", "label": "label/"}
    for name in names:
        reader = find_reader(name)
        if reader not in tabs:
            viewport = {"width": 360, "height": 740}
            tabs[reader] = tab = open_tab(reader, viewport=viewport)
            tab.said, tab.failed = Record(), Record()
            tab.on("console", tab.said.note)
            tab.on("pageerror", tab.failed.note)
        tab = tabs[reader]
        path = f"/projects/{story}/{own[name]}" if name in own else ""
        answer = tab.goto(path or find_path(name, story))
        seen = tab.evaluate(LOOK)
        wrong = {
            "status": answer.status if answer.status != ANSWERS.get(name, 200) else 0,
            "ran": seen["ran"],
            "escaped": seen["escaped"],
            "too wide": seen["widest"] or seen["width"] if seen["width"] > 360 else 0,
            "policy": [s.text for s in tab.said if "Security" in s.text],
            "failed": [str(error) for error in tab.failed],
        }
        tab.said.clear()
        tab.failed.clear()
        if any(wrong.values()):
            found[name] = {what: how for what, how in wrong.items() if how}
    return found


def test_hostile_names_stay_text_and_within_the_screen(open_tab, hostile):
    assert walk(open_tab, hostile, QUICK) == {}


@pytest.mark.full
def test_hostile_names_stay_text_and_within_the_screen_on_every_page(open_tab, hostile):
    names = [*WITHOUT_LOGIN, *PAGES]
    found = walk(open_tab, hostile, [*names, "task", "label"])

    assert found == {}


def test_a_page_that_was_broken_would_be_heard_of(open_tab, hostile):
    tab = open_tab(viewport={"width": 360, "height": 740})
    tab.goto(f"/projects/{hostile[0]}/")
    tab.evaluate(
        """() => document.querySelector("main").insertAdjacentHTML(
            "beforeend", "<p data-escaped>" + "w".repeat(900) + "</p>")"""
    )
    tab.evaluate("document.querySelector('p[data-escaped]').style.whiteSpace = 'pre'")
    tab.evaluate("document.querySelector('p[data-escaped]').style.overflowWrap = ''")
    seen = tab.evaluate(LOOK)

    assert seen["escaped"] == 1
    assert seen["width"] > 360


def test_pages_hide_none_of_what_somebody_means_ill_with(open_tab, site, hostile):
    tab = open_tab()
    tab.goto(f"/projects/{hostile[0]}/")

    assert "data-escaped" in tab.locator("h1").inner_text()

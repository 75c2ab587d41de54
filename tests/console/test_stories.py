"""The console in a real browser: what an operator does, from the login to a retry."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.site import PASSWORD
from tests.system.media_serving import wait_until

GOOD = b'[{"text": "one"}, {"text": "two"}]'


def test_a_broken_file_is_understood_and_tried_again(open_tab, site):
    site.put("letters/good.json", b'{"text": "zero"}', "application/json")
    site.put("letters/broken.json", b'[{"text": ', "application/json")
    tab = open_tab("")
    tab.goto("/projects/new/")
    tab.get_by_label("E-mail address").fill("owner@example.org")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_label("Title").fill("Old letters")
    tab.get_by_role("button", name="Create project").click()
    expect(tab.get_by_role("heading", name="Old letters")).to_be_visible()
    number = int(re.search(r"/projects/(\d+)/", tab.url)[1])
    site.connect(number, prefix="letters", title="Letters", use_blob_urls=False)

    tab.get_by_role("link", name="Storages", exact=True).click()
    tab.get_by_role("button", name="Sync now Letters").click()
    expect(tab.get_by_text("What failed, by cause")).to_be_visible(timeout=15_000)
    tab.get_by_text("The object", exact=False).first.click()
    expect(tab.get_by_text("letters/broken.json")).to_be_visible()
    site.put("letters/broken.json", GOOD, "application/json")
    tab.get_by_role("button", name="Try failed files again").click()
    expect(tab.get_by_role("status").get_by_text("Completed")).to_be_visible(
        timeout=15_000
    )

    assert tab.get_by_role("button", name="Cancel this run").count() == 0
    tab.get_by_role("link", name="Overview").click()
    expect(tab.get_by_text("3 tasks")).to_be_visible()


@pytest.fixture
def slow(site):
    """A storage of many task files, each page of which takes a while."""
    number = site.create_project("Many letters")
    for count in range(100):
        key = f"many/{count:03}.json"
        site.put(key, b'{"text": "a"}' + b" " * 2000, "application/json")
    return site.connect(number, prefix="many", title="Many", use_blob_urls=False)


def test_a_run_is_watched_live_and_cancelled(open_tab, site, slow):
    tab = open_tab()
    path = f"/projects/{slow.project_id}/storages/{slow.id}/"
    tab.goto(path)
    tab.get_by_role("button", name="Sync now").click()
    seen = tab.locator("#live")
    expect(seen).to_contain_text("Objects")
    expect(tab.get_by_role("button", name="Cancel this run")).to_have_count(
        0, timeout=30_000
    )

    expect(seen).to_contain_text("Completed")
    expect(seen).to_contain_text("100")


def test_pages_read_and_forms_work_without_scripts(open_tab, site, story):
    tab = open_tab(java_script_enabled=False)
    tab.goto(f"/projects/{story}/storages/")
    tab.get_by_role("button", name="Sync now Pictures").click()

    def has_ended():
        tab.reload()
        return tab.get_by_text("Completed", exact=True).count() > 0

    wait_until(has_ended, seconds=15)
    assert tab.get_by_text("What happened").count() == 1
    tab.goto(f"/projects/{story}/settings/")
    tab.get_by_label("Description").fill("Changed without a script")
    tab.get_by_role("button", name="Save").click()
    assert tab.get_by_text("Saved.").count() == 1


def test_times_are_those_of_the_readers_zone(open_tab, story):
    tab = open_tab(timezone_id="Asia/Tokyo", locale="en-GB")
    tab.goto(f"/projects/{story}/")
    tab.get_by_role("link", name="Import").first.click()
    time = tab.locator(".timeline time").first
    expect(time).not_to_contain_text("UTC")
    shown = tab.evaluate(
        """() => {
            const time = document.querySelector(".timeline time")
            const options = { dateStyle: "medium", timeStyle: "short" }
            const at = new Date(time.dateTime)
            return [time.textContent, new Intl.DateTimeFormat([], options).format(at)]
        }"""
    )

    assert shown[0] == shown[1]


def test_the_keyboard_reaches_the_content_and_closes_menus(open_tab, story):
    tab = open_tab()
    tab.goto(f"/projects/{story}/")
    tab.keyboard.press("Tab")
    expect(tab.get_by_text("Skip to the content")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    inside = tab.evaluate("document.activeElement.closest('main') !== null")
    tab.get_by_text("owner@example.org").click()
    expect(tab.get_by_role("link", name="Access tokens")).to_be_visible()
    tab.keyboard.press("Escape")

    assert inside
    expect(tab.get_by_role("link", name="Access tokens")).to_be_hidden()


def test_a_form_is_sent_once_however_often_it_is_clicked(open_tab, site, story):
    tab = open_tab()
    tab.goto("/projects/new/")
    tab.get_by_label("Title").fill("Clicked twice")
    tab.get_by_role("button", name="Create project").dblclick()
    expect(tab.get_by_role("heading", name="Clicked twice")).to_be_visible()
    tab.goto("/?search=Clicked")

    assert tab.locator("#live > li").count() == 1

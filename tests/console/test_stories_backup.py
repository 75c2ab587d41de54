"""Backups and people in a browser: a project moved by its archive, a guest let in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from labeldock.services import projects
from labeldock.services.accounts.project_members import list_project_members
from tests.console.site import PASSWORD
from tests.console.test_connecting import draw

PIECE = 300


@pytest.fixture
def shapes(site):
    """A project whose two pictures lie in the bucket."""
    number = site.create_project("Shapes to be moved")
    for each in range(2):
        site.put(f"moved/{each}.png", draw(each))
    site.sync(site.connect(number, prefix="moved", title="Pictures"))
    return number


def send_in_small_pieces(tab):
    """Have the page send little at a time, and lose the connection once."""

    def shorten(route):
        text = route.fetch().text()
        assert "8 * 1024 * 1024" in text
        text = text.replace("8 * 1024 * 1024", str(PIECE))
        route.fulfill(body=text, content_type="text/javascript")

    sent = []

    def lose(route):
        request = route.request
        if request.method != "PATCH":
            return route.continue_()
        sent.append(int(request.headers["upload-offset"]))
        if len(sent) == 2:
            return route.abort("connectionreset")
        return route.continue_()

    tab.route("**/static/restore.js", shorten)
    tab.route("**/api/projects/backup/uploads/*", lose)
    return sent


def test_a_lightweight_backup_is_made_restored_and_attached(
    site, tab, shapes, tmp_path
):
    tab.goto(f"/projects/{shapes}/backups/")
    expect(
        tab.get_by_label("Use a lightweight backup whenever possible")
    ).to_be_checked()
    tab.get_by_role("button", name="Make a backup").click()
    made = tab.locator("#live")
    expect(made).to_contain_text("Done", timeout=20_000)
    expect(made).to_contain_text("lightweight")
    with tab.expect_download() as download:
        made.get_by_role("link", name=re.compile(r"\.zip")).click()
    archive = tmp_path / "archive.zip"
    download.value.save_as(archive)

    sent = send_in_small_pieces(tab)
    tab.get_by_role("link", name="Restore one").click()
    tab.get_by_label("Archive", exact=True).set_input_files(archive)
    tab.get_by_role("button", name="Restore").first.click()
    expect(tab.get_by_text("The restore was asked for.")).to_be_visible(timeout=20_000)
    tab.get_by_role("link", name="Open").click(timeout=20_000)

    number = int(re.search(r"/projects/(\d+)/", tab.url)[1])
    assert number != shapes
    assert sent == sorted(sent), "a piece was sent again although it had arrived"
    assert len(sent) > archive.stat().st_size / PIECE
    tab.get_by_role("link", name="Media", exact=True).click()
    expect(tab.get_by_text("Not connected", exact=True)).to_be_visible()
    site.connect(number, prefix="moved", title="The pictures again")
    tab.reload()
    tab.get_by_label("Storage").first.select_option(label="The pictures again")
    tab.get_by_role("button", name="Look for some of the objects first").first.click()
    expect(tab.get_by_role("status")).to_contain_text("2 found")
    tab.get_by_role("button", name="Attach").click()
    expect(tab.get_by_text("The storage serves these media")).to_be_visible()

    tab.get_by_role("link", name="Tasks", exact=True).click()
    pictures = tab.locator("main img")
    expect(pictures).to_have_count(2)
    expect(pictures.last).to_have_js_property("complete", value=True)
    widths = pictures.evaluate_all("all => all.map(each => each.naturalWidth)")
    assert all(widths), "a picture of the restored project is not shown"


def test_an_archive_that_is_refused_says_why_and_can_be_sent_again(tab):
    tab.goto("/restore/")
    tab.get_by_label("Archive", exact=True).set_input_files(
        {"name": "empty.zip", "mimeType": "application/zip", "buffer": b""}
    )
    tab.get_by_role("button", name="Restore").first.click()
    told = tab.locator("[data-told]")
    expect(told).to_contain_text("An archive has from 1 to")
    expect(told).to_contain_text("Nothing was restored.")

    tab.route("**/api/projects/backup/uploads", lambda route: route.abort())
    tab.get_by_role("button", name="Restore").first.click()
    expect(told).to_contain_text("The server does not answer.")
    assert tab.url.endswith("/restore/")


@pytest.mark.full
def test_a_viewer_is_invited_looks_around_and_changes_nothing(site, open_tab, shapes):
    manager = open_tab("admin")
    manager.goto(f"/projects/{shapes}/members/")
    invite = manager.locator("form", has_text="Invite somebody")
    invite.get_by_label("E-mail address").fill("guest@example.org")
    invite.get_by_label("Role").select_option("viewer")
    invite.get_by_role("button", name="Make an invitation").click()
    link = manager.locator(".note.good code").inner_text()

    guest = open_tab("")
    guest.goto(link)
    expect(guest.get_by_text("Shapes to be moved")).to_be_visible()
    guest.get_by_label("First name").fill("Gil")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Make an account and join").click()
    guest.goto(f"/projects/{shapes}/")
    expect(guest.get_by_role("heading", name="Shapes to be moved")).to_be_visible()

    ways = guest.locator("nav.side a").evaluate_all("all => all.map(a => a.href)")
    for way in ways:
        guest.goto(way)
        forms = guest.locator("form[method=post]").evaluate_all(
            "all => all.map(form => new URL(form.action).pathname)"
        )
        assert set(forms) == {"/user/logout/"}, way
    for part in ("settings/", "backups/", "webhooks/", "audit/", "storages/new/"):
        guest.goto(f"/projects/{shapes}/{part}")
        expect(guest.get_by_role("heading", name="Not for you")).to_be_visible()
    statuses = guest.evaluate(
        """async (base) => Promise.all(
            ["settings/", "backups/", "media/", "storages/1/sync/"].map(
                async (part) => (await fetch(base + part, {
                    method: "POST", body: new URLSearchParams({title: "Mine now"}),
                })).status))""",
        f"/projects/{shapes}/",
    )

    assert len(ways) >= 6
    assert set(statuses) <= {403, 404}
    owner = site.people["owner"]
    kept = projects.get_project(site.app, owner, shapes)
    found, _ = list_project_members(site.app, owner, shapes)
    assert kept.title == "Shapes to be moved"
    assert {m.role.value for m in found if m.person.first_name == "Gil"} == {"viewer"}

"""Pictures of every page, light and dark, narrow and wide; kept to be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from labeldock.services import run_samples
from tests.console.visits import PAGES, WITHOUT_LOGIN, find_path, find_reader

pytestmark = pytest.mark.full

FOLDER = Path(__file__).parents[2] / "artifacts" / "console"
SIZES = {"narrow": (360, 740), "wide": (1280, 860), "huge": (1920, 1080)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_of_a_run_with_its_plots(open_tab, site, monkeypatch, scheme):
    monkeypatch.setattr(run_samples, "_LEAST_SECONDS", 0.01)
    number = site.create_project(f"Many letters, {scheme}")
    for count in range(400):
        site.put(f"many/{count:03}.json", b'{"text": "a"}', "application/json")
    many = site.connect(number, prefix="many", title="Many", use_blob_urls=False)
    for _ in range(2):
        run_id = site.sync(many)
    first = run_id - 1
    tab = open_tab(color_scheme=scheme)
    for name, path in (
        ("run-plots", f"/projects/{number}/runs/{first}/"),
        ("storage-plots", f"/projects/{number}/storages/{many.id}/"),
    ):
        tab.goto(path)
        expect(tab.locator(".chart svg").first).to_be_visible()
        FOLDER.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=FOLDER / f"{name}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*WITHOUT_LOGIN, *PAGES])
def test_a_picture_of_a_page(open_tab, story, name, size, scheme):
    width, height = SIZES[size]
    tab = open_tab(
        find_reader(name),
        viewport={"width": width, "height": height},
        color_scheme=scheme,
    )
    tab.goto(find_path(name, story))
    for picture in tab.locator("img").all():  # those further down come when seen
        picture.scroll_into_view_if_needed()
    tab.wait_for_load_state("networkidle")
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = FOLDER / f"{name}-{size}-{scheme}.png"
    tab.screenshot(path=picture, full_page=True)

    assert picture.stat().st_size > 1000
    wide = tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "the page is wider than the screen"

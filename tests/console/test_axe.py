"""Pages as people with other senses find them: axe on every page, light and dark.

And what a check of a page's weight looks at: sizes, foreign addresses, what the policy
of the page refused.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.visits import PAGES, WITHOUT_LOGIN, find_path, find_reader

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STATIC = ROOT / "core/src/labeldock/web/console/static"
SERIOUS = {"serious", "critical"}
RUN = """async () => {
    const found = await axe.run(document, {
        runOnly: [
            "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice",
        ],
    })
    return found.violations.map(({ id, impact, nodes }) => ({
        id, impact, where: nodes.slice(0, 3).map(node => node.html.slice(0, 200)),
    }))
}"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed; to have it: npm ci")
    return AXE.read_text()


def look(open_tab, axe, story, name, **options):
    """What axe finds wrong with a page."""
    tab = open_tab(find_reader(name), bypass_csp=True, **options)
    tab.goto(find_path(name, story))
    tab.evaluate(axe)
    found = tab.evaluate(RUN)
    tab.context.close()
    return [each for each in found if each["impact"] in SERIOUS]


# The pages with the most parts stand for the others in the default suite.
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_tab, axe, story, scheme):
    for name in ("login", "overview", "storage-edit", "run", "task", "label"):
        found = look(open_tab, axe, story, name, color_scheme=scheme)

        assert not found, (name, found)


def test_axe_is_heard_when_something_is_wrong(open_tab, axe, story):
    tab = open_tab(bypass_csp=True)
    tab.goto("/")
    tab.evaluate("document.body.append(document.createElement('img'))")
    tab.evaluate(axe)

    assert {each["id"] for each in tab.evaluate(RUN)} == {"image-alt", "region"}


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*WITHOUT_LOGIN, *PAGES])
def test_axe_finds_nothing_serious_on_any_page(open_tab, axe, story, name, scheme):
    assert not look(open_tab, axe, story, name, color_scheme=scheme)


class Record(list):
    """What happened, as Playwright tells it to a method of ours."""

    def note(self, event):
        self.append(event)


def test_no_page_asks_another_origin_or_breaks_its_policy(open_tab, site, story):
    tab = open_tab()
    asked, complaints = Record(), Record()
    tab.on("request", asked.note)
    tab.on("console", complaints.note)
    for name in ("projects", "overview", "storages", "run", "settings"):
        tab.goto(find_path(name, story))
    foreign = {
        r.url for r in asked if not r.url.startswith((site.address, site.s3_url))
    }

    assert not foreign
    assert not [c.text for c in complaints if "Security" in c.text]


def test_scripts_and_style_are_small():
    scripts = sum(file.stat().st_size for file in STATIC.glob("*.js"))
    style = sum(file.stat().st_size for file in STATIC.glob("*.css"))

    assert scripts < 40_000
    assert style < 30_000

"""The documentation builds as a site, strictly; every page can be reached."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import pytest

from tests.docs.site import (
    CONFIGURATION,
    build_site,
    copy_sources,
    list_nav,
    list_pages,
    read_settings,
)


@pytest.fixture
def sources(tmp_path):
    shutil.copy(CONFIGURATION, tmp_path)
    folder = tmp_path / read_settings()["docs_dir"]
    copy_sources(folder)
    return folder


def test_every_page_is_in_the_navigation_once_and_no_other():
    named, there = Counter(list_nav()), Counter(list_pages())

    assert named - there == Counter(), "take it out of zensical.toml"
    assert there - named == Counter(), "add it to nav in zensical.toml"


def test_the_site_builds_without_a_warning(sources, tmp_path):
    done = build_site(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / read_settings()["site_dir"]
    made = {str(page.relative_to(site)) for page in site.rglob("*.html")}
    wanted = {re.sub(r"\.md$", ".html", page) for page in list_pages()}
    assert wanted - made <= {"README.html"}  # which is the first page
    assert (site / "index.html").exists()


def test_a_link_that_leads_nowhere_fails_the_build(sources, tmp_path):
    page = sources / "docs" / "index.md"
    page.write_text(page.read_text() + "\n[gone](how-to/gone.md) [no](index.md#none)\n")

    done = build_site(tmp_path)

    assert done.returncode != 0
    assert "page does not exist" in done.stdout + done.stderr
    assert "anchor does not exist" in done.stdout + done.stderr

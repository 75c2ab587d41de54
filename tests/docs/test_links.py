"""A relative link in the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def list_pages(root):
    """The pages that people read."""
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    return sorted([*pages, *root.glob("core/*.md"), *root.glob("plugins/*/*.md")])


def find_broken(page):
    """The relative links of a page that lead to no file, or to no heading in it."""
    text = CODE.sub("", FENCED.sub("", page.read_text("utf-8")))
    links = [inline or reference for inline, reference in LINK.findall(text)]
    return [
        link for link in links if not ELSEWHERE.match(link) and not _leads(page, link)
    ]


def _leads(page, link):
    name, _, anchor = link.partition("#")
    target = page.parent / unquote(name) if name else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target)


def _anchors(page):
    text = FENCED.sub("", page.read_text("utf-8"))
    return {_anchor(heading) for heading in HEADING.findall(text)}


def _anchor(heading):
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize(
    "page", list_pages(ROOT), ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_relative_link_leads_somewhere(page):
    assert find_broken(page) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `heading`, here\n"
        "[here](page.md#a-heading-here) [a](#a-heading-here) [b](https://example.org)\n"
        "[gone](gone.md 'title') [no](page.md#none) ![img](gone%20too.png) [r]\n"
        "`[code](x.md)`\n```\n[code](y.md)\n```\n"
        "\n[r]: gone/r.md\n"
    )

    broken = find_broken(page)

    assert broken == ["gone.md", "page.md#none", "gone%20too.png", "gone/r.md"]

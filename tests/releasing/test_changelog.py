"""The changelog of a release is what was unreleased, and keeps its form."""

from __future__ import annotations

from datetime import date

import pytest

from tests.architecture.sources import ROOT
from tests.releasing.changelog import (
    UNRELEASED,
    find_epoch,
    list_entries,
    list_releases,
    move_unreleased,
    read_notes,
    split_sections,
)
from tests.releasing.failures import ReleaseFailed

DAY = date(2026, 1, 31)
TEXT = """\
# Changelog

What it is.

## Unreleased

### Fixed

- Something, which takes
  two lines.

### Added

- One thing. See [it](docs/it.md).
- Another thing.

### Removed

## 0.1.0 - 2025-12-01

### Added

- All.
"""
MOVED = """\
# Changelog

What it is.

## Unreleased

## 0.2.0 - 2026-01-31

### Added

- One thing. See [it](docs/it.md).
- Another thing.

### Fixed

- Something, which takes
  two lines.

## 0.1.0 - 2025-12-01

### Added

- All.
"""


def test_what_was_unreleased_becomes_a_section_of_the_version():
    assert move_unreleased(TEXT, "0.2.0", DAY) == MOVED


def test_the_first_release_has_nothing_after_it():
    text = move_unreleased(TEXT.partition("## 0.1.0")[0], "0.1.0", DAY)

    assert text == MOVED.partition("\n## 0.1.0")[0].replace("0.2.0", "0.1.0")
    assert list_releases(text) == [("0.1.0", DAY)]


def test_what_a_version_brings_can_be_read_alone():
    notes = read_notes(MOVED, "0.2.0")

    assert notes.startswith("# Labeldock 0.2.0\n\n### Added\n\n- One thing.")
    assert notes.endswith("two lines.\n")
    with pytest.raises(ReleaseFailed, match=r"no section of 9\.9\.9"):
        read_notes(MOVED, "9.9.9")


def test_archives_carry_the_day_of_the_release():
    assert find_epoch(MOVED, "0.2.0") == 1_769_817_600
    assert list_releases(MOVED) == [("0.2.0", DAY), ("0.1.0", date(2025, 12, 1))]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("## Unreleased", "## Next", "no section '## Unreleased'"),
        ("- All.", "- All.\n\n## 0.0.9", "'## 0.0.9' should be like"),
        ("### Fixed", "### Repaired", "'### Repaired' is none of Added"),
        ("## Unreleased\n", "## Unreleased\n\nSo much.\n", "outside of a kind: So"),
        ("- Something", "Something", "begins with '- ': Something"),
        ("0.1.0 - 2025-12-01", "0.2.0 - 2025-12-01", "a section of 0.2.0 already"),
    ],
)
def test_a_changelog_of_another_form_stops_the_release(before, after, reason):
    with pytest.raises(ReleaseFailed, match=reason):
        move_unreleased(TEXT.replace(before, after), "0.2.0", DAY)


def test_without_entries_there_is_nothing_to_release():
    with pytest.raises(ReleaseFailed, match="says nothing under '## Unreleased'"):
        move_unreleased(MOVED, "0.3.0", DAY)


def test_the_changelog_of_this_tree_has_the_form():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")

    list_releases(text)
    for title, section in split_sections(text).items():
        assert not title or list_entries(section) or title == UNRELEASED

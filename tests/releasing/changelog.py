"""The changelog: what is unreleased, and how it becomes what a version brings."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from tests.releasing.failures import ReleaseFailed

UNRELEASED = "Unreleased"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
KIND = re.compile(r"^### (.+)$", re.MULTILINE)
RELEASED = re.compile(r"(\S+) - (\d{4}-\d\d-\d\d)")


def split_sections(text: str) -> dict[str, str]:
    """What stands under each heading, the newest first; `''` for what is before."""
    parts = SECTION.split(text)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def list_releases(text: str) -> list[tuple[str, date]]:
    """Versions with their dates, the newest first.

    Raises:
        ReleaseFailed: a heading has another form.
    """
    titles = [title for title in split_sections(text) if title not in {"", UNRELEASED}]
    found = [(title, RELEASED.fullmatch(title)) for title in titles]
    if wrong := [title for title, match in found if match is None]:
        raise ReleaseFailed(
            f"CHANGELOG.md: '## {wrong[0]}' should be like '## 0.2.0 - 2026-01-31'"
        )
    return [(match[1], date.fromisoformat(match[2])) for _, match in found if match]


def list_entries(section: str) -> dict[str, list[str]]:
    """The entries of a section by kind; kinds without any are left out.

    Raises:
        ReleaseFailed: a kind is not one of Keep a Changelog's, or text stands alone.
    """
    parts = KIND.split(section)
    if parts[0].strip():
        raise ReleaseFailed(f"CHANGELOG.md: text outside of a kind: {parts[0].strip()}")
    kinds = dict(zip(parts[1::2], map(_split_entries, parts[2::2]), strict=True))
    if strange := [kind for kind in kinds if kind not in KINDS]:
        raise ReleaseFailed(
            f"CHANGELOG.md: '### {strange[0]}' is none of {', '.join(KINDS)}"
        )
    return {kind: entries for kind, entries in kinds.items() if entries}


def _split_entries(text: str) -> list[str]:
    entries = [entry.strip() for entry in re.split(r"^- ", text, flags=re.MULTILINE)]
    if entries[0]:
        raise ReleaseFailed(f"CHANGELOG.md: an entry begins with '- ': {entries[0]}")
    return entries[1:]


def move_unreleased(text: str, version: str, day: date) -> str:
    """The changelog with its unreleased entries under a version.

    Raises:
        ReleaseFailed: there are none, or the version is there already.
    """
    sections = split_sections(text)
    if UNRELEASED not in sections:
        raise ReleaseFailed(f"CHANGELOG.md has no section '## {UNRELEASED}'")
    if version in dict(list_releases(text)):
        raise ReleaseFailed(f"CHANGELOG.md has a section of {version} already")
    entries = list_entries(sections[UNRELEASED])
    if not entries:
        raise ReleaseFailed(f"CHANGELOG.md says nothing under '## {UNRELEASED}'")
    before, _, after = text.partition(f"## {UNRELEASED}{sections[UNRELEASED]}")
    title = f"## {version} - {day.isoformat()}"
    moved = f"{before}## {UNRELEASED}\n\n{title}\n\n{_render(entries)}\n{after}"
    return moved.rstrip("\n") + "\n"


def _render(entries: dict[str, list[str]]) -> str:
    return "\n".join(
        f"### {kind}\n\n" + "".join(f"- {entry}\n" for entry in entries[kind])
        for kind in KINDS
        if kind in entries
    )


def read_notes(text: str, version: str) -> str:
    """What a version brings, as a text of its own."""
    for title, section in split_sections(text).items():
        if title.startswith(f"{version} - "):
            return f"# Labeldock {version}\n\n{section.strip()}\n"
    raise ReleaseFailed(f"CHANGELOG.md has no section of {version}")


def find_epoch(text: str, version: str) -> int:
    """The time that built files carry, in seconds: the day of the release began then.

    It comes from the tree alone, so that anybody can build the same bytes again.
    """
    day = dict(list_releases(text))[version]
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

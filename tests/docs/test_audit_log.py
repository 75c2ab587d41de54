"""The page about the audit log tells of every action, and of none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from labeldock.services.auditing import Action
from labeldock.services.scopes import MEANINGS

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def test_every_action_has_a_row():
    page = (HOW_TO / "read-the-audit-log.md").read_text("utf-8")
    table = page.partition("## What is written down")[2].partition("## Media")[0]

    told = re.findall(r"`([a-z]+\.[a-z_]+)`", table)

    assert sorted(told) == sorted(Action)


def test_every_scope_has_a_row_with_its_meaning():
    page = (HOW_TO / "use-tokens.md").read_text("utf-8")

    for scope, meaning in MEANINGS.items():
        assert f"| `{scope}` | {meaning} |" in page

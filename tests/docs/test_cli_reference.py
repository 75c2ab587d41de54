"""The reference page of the command line says what the commands say."""

from __future__ import annotations

from pathlib import Path

from labeldock.cli.reference import render_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == render_reference(), (
        "run: python -m labeldock.cli.reference > docs/reference/cli.md"
    )


def test_every_command_has_a_heading():
    page = render_reference()

    for command in ("storage sync", "user create", "run retry", "demo", "doctor"):
        assert f"### `labeldock {command}`\n" in page

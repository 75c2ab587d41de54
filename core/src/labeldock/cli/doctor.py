"""`labeldock doctor`: look at the installation, and say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.showing import print_json

if TYPE_CHECKING:
    from labeldock.cli.findings import Finding

COLOURS = {
    "ok": typer.colors.GREEN,
    "warn": typer.colors.YELLOW,
    "fail": typer.colors.RED,
}


def check_installation(as_json: AsJson = False) -> None:
    """Check the installation, and say what to do.

    Settings, folders, disk space, keys, database, clock, Redis, workers, egress,
    plug-ins, persistent storage, OpenID, traces and the web address are looked at.
    Nothing is created or changed. The exit code is 1 if anything fails.
    """
    import logging

    from labeldock.cli.checks import examine
    from labeldock.cli.findings import Level

    # The report itself says what went wrong.
    logging.getLogger("labeldock.host").setLevel(logging.CRITICAL)
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _print_finding(finding)
    if as_json:
        print_json(findings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


def _print_finding(finding: Finding) -> None:
    level = typer.style(f"{finding.level.value:4}", fg=COLOURS[finding.level.value])
    typer.echo(f"{level}  {finding.check}: {finding.message}")
    if finding.remedy:
        typer.echo(f"      {finding.remedy}")

"""The tutorial works: its commands are run as they stand, and show what it shows."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.sources import ROOT
from tests.docs.blocks import DOCS, list_blocks, list_steps
from tests.servers.process import free_port

PAGE = DOCS / "tutorial" / "first-steps.md"
STAGES = ("Install", "See it at work", "Connect a bucket of your own", "Sync", "Label")
STAGES = (*STAGES, "Export", "Back up")


def test_the_commands_of_the_tutorial_do_what_it_says(shell, tmp_path):
    blocks = list_blocks(PAGE)
    port = str(free_port())  # in place of one that may be taken on this machine
    steps = [
        step._replace(command=move(step.command, port))
        for step in list_steps(blocks)
        if not step.command.startswith("pip ")
    ]

    outputs = shell(steps)

    assert len([step for step in steps if step.shown]) >= 12
    assert len(outputs) == len(steps)
    assert (tmp_path / "annotations.csv").read_text().count("Round") == 1
    assert (tmp_path / "labeldock-data/demo/login.txt").exists()


def move(command, port):
    command = command.replace("labeldock serve", f"labeldock serve --port {port}")
    return command.replace("127.0.0.1:8080", f"127.0.0.1:{port}")


def test_what_is_installed_is_made_here():
    """Nothing is fetched: the names and extras are those of this workspace."""
    (install,) = (
        s.command for s in list_steps(list_blocks(PAGE)) if "pip" in s.command
    )
    extras = dict(re.findall(r"(labeldock[\w-]*)(?:\[(\w+)\])?", install))

    for name, extra in extras.items():
        folder = (
            "core" if name == "labeldock" else name.replace("labeldock-", "plugins/")
        )
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())[
            "project"
        ]
        assert project["name"] == name
        assert not extra or extra in project["optional-dependencies"]


def test_it_goes_from_nothing_to_a_backup():
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert [each for each in headings if each in STAGES] == list(STAGES)

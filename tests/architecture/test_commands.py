"""The command surface: what it says without making an environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.architecture.sources import ROOT

COMMANDS = [
    "demo",
    "test",
    "check",
    "fix",
    "bench",
    "stress",
    "shape",
    "chaos",
    "conform",
    "new-provider",
    "peer",
    "pins",
    "release",
    "docs",
    "setup",
]


@pytest.fixture
def checkout(tmp_path):
    """A checkout of `dev` alone, in a folder with a space."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    shutil.copy(ROOT / "dev", folder / "dev")
    for name in ("constraints.txt", "pyproject.toml"):
        (folder / name).touch()
    for name in ("core", "plugins/local"):
        (folder / name).mkdir(parents=True)
        (folder / name / "pyproject.toml").touch()
    return folder


def run(folder, *arguments, **environment):
    """Run ./dev from somewhere else, with a bare environment."""
    return subprocess.run(
        [folder / "dev", *arguments],
        cwd="/",
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command(checkout):
    done = run(checkout, "help")

    assert done.returncode == 0
    assert set(re.findall(r"^  ([\w-]+)", done.stdout, re.MULTILINE)) == set(COMMANDS)


def test_an_unknown_command_is_refused_with_the_list(checkout):
    done = run(checkout, "tset")

    assert done.returncode == 2
    assert "unknown command 'tset'" in done.stderr
    assert "usage: ./dev COMMAND" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["conform"], "which provider?"),
        (["conform", "none"], "there is no tests/plugins/none/test_conformance.py"),
    ],
)
def test_a_provider_that_is_not_there_is_not_held_to_anything(
    checkout, arguments, reason
):
    done = run(checkout, *arguments)

    assert done.returncode == 2
    assert reason in done.stderr


def test_without_a_python_the_remedy_is_named(checkout, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "cksum", "dirname", "sh"):
        (tools / name).symlink_to(shutil.which(name))

    done = run(checkout, "demo", PATH=str(tools))

    assert done.returncode == 2
    assert "no Python 3.11 or later in PATH" in done.stderr
    assert "LABELDOCK_DEV_PYTHON" in done.stderr


def test_an_interpreter_that_is_too_old_is_refused(checkout, tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    done = run(checkout, "demo", LABELDOCK_DEV_PYTHON=str(old))

    assert done.returncode == 2
    assert "is no Python 3.11 or later" in done.stderr
    assert not (checkout / ".venv").exists()


def test_every_command_is_documented():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")

    assert [name for name in COMMANDS if f"`./dev {name}" not in text] == []


def test_the_build_runs_the_checks_and_then_the_tests():
    text = (ROOT / ".ci/run").read_text("utf-8")

    *_, checks, tests = text.splitlines()
    assert checks == "./dev check"
    assert tests.startswith("exec ./dev test --ignore=tests/architecture #")
    assert "pytest -q tests/architecture" in (ROOT / "dev").read_text("utf-8")
    assert os.access(ROOT / ".ci/run", os.X_OK)

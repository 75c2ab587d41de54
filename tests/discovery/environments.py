"""Virtual environments of their own, made and used by tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

CONSTRAINTS = str(ROOT / "constraints.txt")


class Environment:
    """A virtual environment of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = root / "bin" / "python"
        run_uv("venv", "--python", sys.executable, str(root))

    def install(self, *wheels):
        target = ("--python", str(self.python))
        run_uv("pip", "install", *target, "-c", CONSTRAINTS, *map(str, wheels))

    def uninstall(self, distribution):
        run_uv("pip", "uninstall", "--python", str(self.python), distribution)

    def list_installed(self):
        target = ("--python", str(self.python))
        listing = run_uv("pip", "list", *target, "--format", "json")
        return {each["name"] for each in json.loads(listing)}

    def list_plugins(self):
        command = (self.root / "bin" / "labeldock", "plugins", "--json")
        return {
            (each["name"], each["distribution"]): each
            for each in json.loads(run(*map(str, command)))
        }

    def run_python(self, program):
        return run(str(self.python), "-c", program)


def run_uv(*arguments):
    return run(sys.executable, "-m", "uv", "--no-progress", *arguments)


def run(*command):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

"""Environments in which built wheels are tried out, with nothing of the checkout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.releasing.failures import run

# What a developer's shell must not decide.
FOREIGN = ("LABELDOCK_", "PYTHON", "VIRTUAL_ENV", "AWS_", "AZURE_", "GOOGLE_")


class Environment:
    """A new virtual environment, and the commands in it."""

    def __init__(self, folder: Path, constraints: Path) -> None:
        """Make it in a folder that is not there yet."""
        self.folder, self._constraints = folder, constraints
        self.python = folder / "bin" / "python"
        _run_uv("venv", "--quiet", "--python", sys.executable, folder)

    @property
    def packages(self) -> Path:
        """Where its packages lie."""
        (found,) = self.folder.glob("lib/python3*/site-packages")
        return found

    def install(self, *requirements: object) -> None:
        """Install wheels, at the versions that the tests ran with."""
        target = ("--quiet", "--python", self.python, "-c", self._constraints)
        _run_uv("pip", "install", *target, *requirements)
        _run_uv("pip", "check", "--quiet", "--python", self.python)

    def run(
        self, program: str, *arguments: object, typed: str = "", **settings: str
    ) -> str:
        """What a program of the environment prints, run where the checkout is not."""
        return run(
            self.folder / "bin" / program,
            *arguments,
            cwd=self.folder,
            env=build_variables(self.folder, settings),
            typed=typed,
        )

    def ask(self, *arguments: object, **settings: str) -> object:
        """The JSON that a command of `labeldock` prints."""
        return json.loads(self.run("labeldock", *arguments, "--json", **settings))


def build_variables(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """The variables of a process that knows nothing of the developer's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    home = {"LABELDOCK_HOME": str(folder / "labeldock-data"), "COLUMNS": "100"}
    return {**kept, **home, **settings}


def _run_uv(*arguments: object) -> str:
    return run(sys.executable, "-m", "uv", "--no-progress", *arguments)

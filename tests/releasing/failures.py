"""Why a release stops, and how the command says how far it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class ReleaseFailed(Exception):
    """Something is not as a release needs it; says what, and what to do."""


def say(text: str) -> None:
    """A line for who waits."""
    sys.stderr.write(f"release: {text}\n")


def run(
    *command: object, cwd: Path | None = None, env: dict | None = None, typed: str = ""
) -> str:
    """What a program prints; it reads what was `typed`.

    Raises:
        ReleaseFailed: it ended badly; with what it said.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        name = " ".join(str(part) for part in command[:4])
        raise ReleaseFailed(f"{name} … ended with {done.returncode}:\n{said}")
    return done.stdout

"""A process and what it has started, as Linux tells."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def list_family(pid: int) -> list[int]:
    """A process, its children, theirs, and so on; none if it is gone."""
    found, pending = [], [pid]
    while pending:
        pid = pending.pop()
        children = _list_children(pid)
        if children is not None:
            found.append(pid)
            pending += children
    return found


def kill_family(pid: int) -> None:
    """Kill -9 all of them, those first that might start others."""
    for member in list_family(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def read_command(pid: int) -> str:
    """What a process was started with; nothing if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace")


def _list_children(pid: int) -> list[int] | None:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:  # it has ended meanwhile
        return None
    return found

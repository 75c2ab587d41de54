"""Folders of files to import: media, and files of tasks."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

FOLDERS = 7
LARGE = 6000
"""More rows than one transaction would take of several files together."""


def make_media(folder: Path, count: int, *, first: int = 0) -> set[str]:
    """Add empty files, some folders of them; returns their keys."""
    keys = set()
    for number in range(first, first + count):
        key = f"part_{number % FOLDERS}/image_{number:05}.jpg"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        keys.add(key)
    return keys


def make_task_files(
    folder: Path, count: int, rng: random.Random, *, first: int = 0
) -> dict[str, int]:
    """Add files of tasks, a large one first; returns how many rows each key has."""
    folder.mkdir(exist_ok=True)
    rows = {}
    for number in range(first, first + count):
        key = f"tasks_{number:04}.json"
        rows[key] = LARGE if number == first else rng.randrange(1, 120)
        content = [_build_row(key, index) for index in range(rows[key])]
        (folder / key).write_text(json.dumps(content))
    return rows


def _build_row(key: str, index: int) -> dict[str, Any]:
    """A row with an annotation now and then, so that there is something to count."""
    row: dict[str, Any] = {"data": {"image": f"{key}/{index}"}}
    if index % 5 == 0:
        row["annotations"] = [{"result": [], "was_cancelled": index % 10 == 0}]
    if index % 3 == 0:
        row["predictions"] = [{"result": [], "score": 0.5}]
    return row

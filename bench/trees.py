"""Folders of empty files to import."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CREATE = os.O_CREAT | os.O_WRONLY


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever is in it."""
    folder = Path(tempfile.mkdtemp(prefix="labeldock-bench-"))
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_flat(folder: Path, count: int) -> Path:
    """One folder with all the files."""
    folder.mkdir(parents=True)
    _fill(folder, count)
    return folder


def make_deep(folder: Path, *, folders: int, files: int) -> Path:
    """Folders in ten folders, each with so many files."""
    for number in range(folders):
        below = folder / f"part_{number % 10}" / f"batch_{number // 10:04}"
        below.mkdir(parents=True)
        _fill(below, files)
    return folder


def _fill(folder: Path, count: int) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        for number in range(count):
            name = f"image_{number:07}.jpg"
            os.close(os.open(name, _CREATE, 0o644, dir_fd=descriptor))
    finally:
        os.close(descriptor)

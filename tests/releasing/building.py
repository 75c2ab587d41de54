"""Archives of the distributions: the sources, and a wheel that is built from them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.releasing.failures import ReleaseFailed, run
from tests.releasing.versions import Distribution


def build(distribution: Distribution, out: Path, epoch: int) -> tuple[Path, Path]:
    """Build the source archive and, from it, the wheel; their paths.

    The build backend is the one of this environment, so nothing is fetched and two
    builds are made by the same tool. `epoch` is the time that the files carry.
    """
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out]
    run(*command, distribution.folder, env=environment)
    stem = f"{distribution.package}-{distribution.version}"
    made = out / f"{stem}.tar.gz", out / f"{stem}-py3-none-any.whl"
    if missing := [path.name for path in made if not path.exists()]:
        there = ", ".join(sorted(path.name for path in out.iterdir()))
        raise ReleaseFailed(f"{missing[0]} was not built; there is {there}")
    return made


def check_rendering(files: list[Path]) -> None:
    """Let twine look whether indexes can show the metadata."""
    run(sys.executable, "-m", "twine", "check", "--strict", *files)

"""The source files that the architecture tests read."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "src"

# Where there is no git: what an export of the repository does not hold.
MADE = {"__pycache__", "build", "dist", "labeldock-data", "artifacts"}


@dataclass(frozen=True)
class Module:
    """One Python file below a source root, under the name it is imported by."""

    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__` of a package."""
        return self.path.name == "__init__.py"

    @property
    def text(self) -> str:
        """The source."""
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The source, parsed."""
        return ast.parse(self.text, str(self.path))


def source_roots(root: Path = ROOT) -> list[Path]:
    """The folders that are on the path of an installed workspace, core first."""
    return [root / "core" / "src", *sorted(root.glob("plugins/*/src"))]


def list_modules(source_root: Path) -> list[Module]:
    """Every module below a source root."""
    paths = sorted(source_root.rglob("*.py"))
    return [Module(_dotted(path.relative_to(source_root)), path) for path in paths]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_modules() -> list[Module]:
    """Every module of every distribution of this workspace."""
    return [module for root in source_roots() for module in list_modules(root)]


def list_files(root: Path = ROOT) -> list[Path]:
    """Every file that belongs to the repository, committed already or not yet."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(root))
    paths = (root / name for name in listing.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file():
            yield path
        elif path.name == ".ci" or not (path.name in MADE or path.name[0] == "."):
            yield from _walk(path)

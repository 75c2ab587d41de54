"""The one version of all distributions: where it stands, and how it is changed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from tests.releasing.failures import ReleaseFailed

CORE = "labeldock"
SOURCE = Path("core/src/labeldock/__init__.py")
PROJECT_VERSION = re.compile(r'^version = "(.*)"$', re.MULTILINE)
SOURCE_VERSION = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
PIN = re.compile(rf'"{CORE}(\[[a-z,]+\])?[<>=~!][^"]*"')


@dataclass(frozen=True)
class Distribution:
    """A package of this repository that is released: its folder and what it says."""

    folder: Path
    project: dict

    @property
    def name(self) -> str:
        """As people install it."""
        return self.project["name"]

    @property
    def package(self) -> str:
        """As Python imports it; files of wheels begin with it, too."""
        return self.name.replace("-", "_")

    @property
    def version(self) -> str:
        """As its `pyproject.toml` has it."""
        return self.project["version"]


def list_distributions(root: Path) -> list[Distribution]:
    """Every distribution of a tree, the base first."""
    folders = [root / "core", *sorted((root / "plugins").iterdir())]
    return [
        Distribution(folder, read_project(folder))
        for folder in folders
        if (folder / "pyproject.toml").exists()
    ]


def read_project(folder: Path) -> dict:
    """The table `project` of a distribution."""
    text = (folder / "pyproject.toml").read_text("utf-8")
    return tomllib.loads(text)["project"]


def find_disagreements(root: Path) -> list[str]:
    """Where the versions, or the pins between distributions, do not fit together."""
    base, *others = list_distributions(root)
    found = SOURCE_VERSION.findall((root / SOURCE).read_text("utf-8"))
    wrong = [] if found == [base.version] else [f"{SOURCE} has {', '.join(found)}"]
    wrong += [
        f"{each.name} has {each.version}"
        for each in others
        if each.version != base.version
    ]
    wrong += [
        f"{each.name} {problem}"
        for each in others
        if (problem := _find_wrong_pin(each, base.version))
    ]
    return [f"{line}, {CORE} has {base.version}" for line in wrong]


def _find_wrong_pin(distribution: Distribution, version: str) -> str:
    needs = map(Requirement, distribution.project["dependencies"])
    pins = [need for need in needs if need.name == CORE]
    if not pins:
        return "does not depend on the base"
    if not pins[0].specifier.contains(version, prereleases=True):
        return f"asks for {pins[0]}"
    return ""


def parse_version(text: str) -> Version:
    """A version in its usual spelling.

    Raises:
        ReleaseFailed: it is none, or has another spelling.
    """
    try:
        version = Version(text)
    except InvalidVersion:
        raise ReleaseFailed(f"{text} is no version; give one like 0.2.0") from None
    if str(version) != text or len(version.release) != 3 or version.local:
        raise ReleaseFailed(f"{text} should have the form 0.2.0, or 0.2.0rc1")
    return version


def set_version(root: Path, version: str) -> list[Path]:
    """Write a version, and pins that fit it, everywhere; the files that have changed.

    Raises:
        ReleaseFailed: a file has no place for it, or the result does not fit together.
    """
    parsed = parse_version(version)
    pin = f'"{CORE}\\g<1>>={version},<{parsed.major + 1}"'
    changed = [_replace(root / SOURCE, SOURCE_VERSION, f'__version__ = "{version}"')]
    for each in list_distributions(root):
        path = each.folder / "pyproject.toml"
        changed.append(_replace(path, PROJECT_VERSION, f'version = "{version}"'))
        if each.name != CORE:
            _replace(path, PIN, pin)
    if wrong := find_disagreements(root):
        raise ReleaseFailed("versions do not fit together: " + "; ".join(wrong))
    return changed


def _replace(path: Path, pattern: re.Pattern, text: str) -> Path:
    before = path.read_text("utf-8")
    after, count = pattern.subn(text, before)
    if count != 1:
        raise ReleaseFailed(f"{path} has {count} places for {pattern.pattern}, not one")
    path.write_text(after, "utf-8")
    return path

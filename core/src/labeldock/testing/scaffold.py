"""A new provider package from the template: all there but the operations.

It needs the standard library and the contract alone, so that the command line of the
base can offer it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from labeldock.contract import RESERVED_NAMES, Conflict, InvalidInput, Problem

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
SUFFIX: Final = ".tmpl"
OFTEN: Final = "labeldock-"
"""Authors give the name of the package where the provider's is asked for."""

PACKAGE_FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "init.py": "src/$package/__init__.py",
    "options.py": "src/$package/options.py",
    "plugin.py": "src/$package/plugin.py",
}
TEST_FILES: Final = {
    "rig.py": "rig.py",
    "test_conformance.py": "test_conformance.py",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of a new package go.

    Attributes:
        package: the folder of the distribution.
        tests: the folder of its tests.
        rig: the name by which the tests import their rig.
    """

    package: Path
    tests: Path
    rig: str


def create_package(name: str, into: Path) -> Path:
    """Write a package of its own, in a new folder below `into`.

    Returns:
        The new folder.

    Raises:
        InvalidInput: a provider cannot have this name.
        Conflict: the folder is there already.
    """
    check_name(name)
    folder = into / f"labeldock-{name}"
    return _write(name, Layout(folder, folder / "tests", "rig"))


def create_member(name: str, workspace: Path) -> Path:
    """Write a package into a checkout of Labeldock itself, where its like are.

    Returns:
        The new folder of the distribution.

    Raises:
        InvalidInput: a provider cannot have this name.
        Conflict: a folder is there already.
    """
    check_name(name)
    folder = workspace / "plugins" / name
    module = name.replace("-", "_")  # the tests import their rig by its whole name
    tests = workspace / "tests" / "plugins" / module
    return _write(name, Layout(folder, tests, f"tests.plugins.{module}.rig"))


def check_name(name: str) -> None:
    """Refuse a name that the host would refuse, or that gives no package.

    Raises:
        InvalidInput: with what is wrong and what to do.
    """
    if not NAME.fullmatch(name):
        message = "a provider's name is of a-z, 0-9, '-' and '_', a letter first"
        raise _refuse(message, "take a name such as webdav")
    if name in RESERVED_NAMES:
        raise _refuse(f"the name {name!r} is reserved", "take another name")
    if name.startswith(OFTEN):
        rest = name.removeprefix(OFTEN)
        raise _refuse("the package's name is made from the provider's", f"take {rest}")


def render_files(name: str, rig: str) -> dict[str, str]:
    """The text of every file, by the name of its template."""
    values = _build_values(name, rig)
    templates = files("labeldock.testing") / "template"
    return {
        each: Template((templates / f"{each}{SUFFIX}").read_text("utf-8")).substitute(
            values
        )
        for each in (*PACKAGE_FILES, *TEST_FILES)
    }


def render_next_steps(folder: Path, *, is_member: bool) -> str:
    """What the author of a new package does next."""
    (package,) = (path.name for path in (folder / "src").iterdir())
    if is_member:
        commands = ["./dev setup", f"./dev conform {folder.name}"]
    else:
        commands = [f"pip install -e '{folder}[test]'", f"pytest {folder}/tests"]
    lines = [
        f"Made {folder}.",
        f"Write the operations in src/{package}/plugin.py and the rig of the tests.",
        "Until they are written, the tests fail:",
        *(f"  {command}" for command in commands),
    ]
    return "\n".join(lines)


def _write(name: str, layout: Layout) -> Path:
    for folder in (layout.package, layout.tests):
        if folder.exists():
            raise Conflict(
                f"{folder} is there already",
                field="name",
                remedy="remove it, or take another name",
            )
    texts = render_files(name, layout.rig)
    values = _build_values(name, layout.rig)
    for files_of, folder in (
        (PACKAGE_FILES, layout.package),
        (TEST_FILES, layout.tests),
    ):
        for template, target in files_of.items():
            path = folder / Template(target).substitute(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[template], encoding="utf-8")
    # The marker of typed packages is empty, which a template cannot be.
    (layout.package / "src" / values["package"] / "py.typed").touch()
    return layout.package


def _build_values(name: str, rig: str) -> Mapping[str, str]:
    words = re.split("[-_]", name)
    major, minor, *_ = version("labeldock").split(".")
    return {
        "name": name,
        "distribution": f"labeldock-{name}".replace("_", "-"),
        "package": f"labeldock_{name}".replace("-", "_"),
        "prefix": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
        "scheme": name.replace("_", "-"),
        "rig": rig,
        "version": f"{major}.{minor}",
        "next_version": str(int(major) + 1),
    }


def _refuse(message: str, remedy: str) -> InvalidInput:
    problem = Problem("name", message, remedy)
    return InvalidInput(message, problems=[problem], field="name", remedy=remedy)

"""The page about the architecture names what there is, and all packages of it."""

from __future__ import annotations

import re

from sqlmodel import SQLModel

import labeldock.db.schema  # noqa: F401  which knows every table
from tests.architecture.floors import FLOORS
from tests.architecture.sources import CORE, ROOT, list_modules

PAGE = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
PACKAGE = CORE / "labeldock"
TABLE = PAGE.partition("## Floors")[2].partition("\n\n`jobs`")[0]
# What stands below these is on pages of its own, or is no module.
WORDS = re.compile(r"`((?:services|web|db|jobs|cli|host|importing|events)/[\w/.]*)`")
DOTTED = re.compile(r"`(labeldock\.[a-z_.]+|services\.[a-z_.]+)")


def test_the_table_of_floors_is_the_one_that_is_held():
    rows = re.findall(r"^\| (\d)\w? \| (.*?) \|", TABLE, re.MULTILINE)
    told = {
        name: int(floor)
        for floor, cell in rows
        for name in re.findall(r"`labeldock\.(\w+)`", cell)
    }

    assert told == FLOORS


def test_every_package_is_named():
    modules = list_modules(CORE)
    packages = [m.name for m in modules if m.is_package and "migrations" not in m.name]
    words = set(re.findall(r"\w+", PAGE))

    missing = [name for name in packages if name.rpartition(".")[2] not in words]

    assert len(packages) > 25
    assert missing == []


def test_every_table_is_named_once():
    section = PAGE.partition("### Tables")[2].partition("\nKeys are")[0]
    rows = re.findall(r"^\|[^|]*\|(.*)\|$", section, re.MULTILINE)

    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(SQLModel.metadata.tables)


def test_every_path_on_it_exists():
    paths = {path.removesuffix("/") for path in WORDS.findall(PAGE)}

    assert len(paths) > 25
    assert [path for path in sorted(paths) if not exists(path)] == []


def exists(path):
    """Whether it is a module, a package, or a name in a module: `a/b.Name`."""
    place = path.removesuffix(".py")
    stem, _, name = place.rpartition(".") if "." in place else (place, "", "")
    tries = [(PACKAGE, stem), (PACKAGE / "services", stem)]
    for folder, each in tries:
        if (folder / each).is_dir() or (folder / each).with_suffix(".py").exists():
            return not name or name in (folder / each).with_suffix(".py").read_text()
        whole = folder / each.rpartition("/")[0]
        module = whole.with_suffix(".py")
        if module.exists():
            return each.rpartition("/")[2] in module.read_text()
        package = folder / place.replace(".", "/")
        if package.is_dir():
            return True
    return False


def test_every_dotted_name_leads_to_something():
    for name in sorted(set(DOTTED.findall(PAGE))):
        parts = name.removeprefix("labeldock.").strip(".").split(".")
        path = PACKAGE.joinpath(*parts)
        outer = path.parent
        assert (
            path.is_dir()
            or path.with_suffix(".py").exists()
            or outer.is_dir()
            or outer.with_suffix(".py").exists()
        ), name


def test_every_part_of_the_package_has_a_floor():
    for name in FLOORS:
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists(), name


def test_modules_that_lists_of_the_page_name_are_there():
    """The numbered steps: `name` or `name`, `name` before a colon."""
    stems = {path.stem for path in PACKAGE.rglob("*.py")}
    stems |= {path.name for path in PACKAGE.rglob("*") if path.is_dir()}

    steps = re.findall(r"^\d\. ((?:`[\w.]+`(?:, | and )?)+):", PAGE, re.MULTILINE)
    named = {word for step in steps for word in re.findall(r"`([\w.]+)`", step)}
    assert len(named) > 30
    assert {word.split(".")[0] for word in named} <= stems

"""The pages for authors of providers say what the code says."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest

from labeldock.contract import (
    OPERATIONS,
    Capabilities,
    Signing,
    StorageProvider,
    errors,
)
from labeldock.testing.catalogue import render_catalogue
from labeldock.testing.scenarios import list_scenarios
from labeldock.testing.suites import ProviderSuite
from tests.architecture.sources import ROOT

FOLDER = ROOT / "docs/provider-authors"
PAGES = sorted(FOLDER.glob("*.md"))
INCLUDED = re.compile(r"<!-- from (\S+) -->\n```python\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def read(name):
    return (FOLDER / name).read_text("utf-8")


def list_included():
    return [
        pytest.param(path, block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (path, block) in enumerate(
            INCLUDED.findall(page.read_text("utf-8"))
        )
    ]


def holds(source, block):
    """Whether the lines of a block stand in a source together, however indented."""
    lines = textwrap.dedent(source).splitlines()
    wanted = block.rstrip().splitlines()
    for start in range(len(lines) - len(wanted) + 1):
        part = "\n".join(lines[start : start + len(wanted)])
        if textwrap.dedent(part).splitlines() == wanted:
            return True
    return False


@pytest.mark.parametrize(("path", "block"), list_included())
def test_a_block_from_a_source_is_in_it(path, block):
    assert holds((ROOT / path).read_text("utf-8"), block)


def test_a_block_that_was_changed_is_noticed():
    source = "class A:\n    def f(self):\n        return 1\n"

    assert holds(source, "def f(self):\n    return 1\n")
    assert not holds(source, "def f(self):\n    return 2\n")
    assert not holds(source, "def f(self):\nreturn 1\n")


def test_blocks_were_found():
    assert len(list_included()) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_python_is_python(page):
    for block in BLOCK.findall(page.read_text("utf-8")):
        assert ast.parse(block)


def test_every_method_of_the_reference_provider_is_shown():
    text = read("write-a-provider.md")

    assert [
        name for name in ("describe", *OPERATIONS) if f"def {name}(" not in text
    ] == []


# Hooks


def render_signature(name):
    signature = inspect.signature(getattr(StorageProvider, name))
    own = list(signature.parameters.values())[1:]
    arguments = ", ".join(f"{each.name}: {each.annotation}" for each in own)
    return f"{name}({arguments}) -> {signature.return_annotation}"


@pytest.mark.parametrize("name", ["describe", *OPERATIONS])
def test_every_operation_has_its_signature_as_heading(name):
    headings = re.findall(r"^## `(.*)`$", read("hooks.md"), re.MULTILINE)

    assert render_signature(name) in headings


def test_no_heading_is_of_something_else():
    headings = re.findall(r"^## `(\w+)\(", read("hooks.md"), re.MULTILINE)

    assert sorted(headings) == sorted(["describe", *OPERATIONS])


def test_every_capability_and_way_to_sign_is_explained():
    text = read("hooks.md")

    words = [*Capabilities.__dataclass_fields__, *(each.name for each in Signing)]
    assert [word for word in words if f"| `{word}` |" not in text] == []


def test_every_error_that_a_provider_raises_is_in_the_table():
    text = read("hooks.md")
    bases = {errors.StorageError, errors.TransientStorageError}

    kinds = [
        kind.__name__
        for kind in vars(errors).values()
        if inspect.isclass(kind)
        and issubclass(kind, errors.StorageError)
        and kind not in bases
    ]
    assert [kind for kind in kinds if f"| `{kind}" not in text] == []


# Scenarios


def test_the_catalogue_is_current():
    _, _, rest = read("conformance.md").partition("<!-- scenarios -->\n")
    shown, _, _ = rest.partition("<!-- end of scenarios -->")

    assert shown == render_catalogue(), (
        "run: python -m labeldock.testing.catalogue, and put it between the markers"
    )


def test_the_catalogue_has_every_scenario_with_its_title():
    rows = set(re.findall(r"^\| (\w+) \| (.*?) \|", render_catalogue(), re.MULTILINE))

    expected = {(each.id, each.title) for each in list_scenarios(ProviderSuite)}
    assert rows - {("id", "scenario")} == expected

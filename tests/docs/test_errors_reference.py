"""The reference page of the errors has every code that the sources hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from labeldock.cli.error_texts import FURTHER, REMEDIES, STATES, STATUSES_OF_REQUESTS
from labeldock.cli.errors_reference import list_kinds, render_reference
from labeldock.db.tables import RunState
from labeldock.services.slots.checking import VERDICTS
from labeldock.web.media import answers
from labeldock.web.openapi.faults import _PLAIN
from labeldock.web.problems import STATUSES
from tests.architecture.sources import CORE, list_modules

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
CODE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
WORD = re.compile(r"[a-z]+(_[a-z0-9]+)*")
BY_PLACE = {"Interruption", "Failure"}  # values whose code is not named
ELSEWHERE = ("labeldock.cli", "labeldock.testing", "labeldock.web.console")


@pytest.fixture(scope="module")
def page():
    return render_reference()


def list_literals():
    """The words that the sources give as a `code`: keywords, keys, attributes."""
    for module in list_modules(CORE):
        if not module.name.startswith(ELSEWHERE):
            for node in ast.walk(module.tree):
                yield from _read(node)


def _read(node):
    if isinstance(node, ast.Dict):
        pairs = [
            (getattr(k, "value", None), v)
            for k, v in zip(node.keys, node.values, strict=True)
        ]
    elif isinstance(node, ast.keyword):
        pairs = [(node.arg, node.value)]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        pairs = [(getattr(target, "id", None), node.value)]
    elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in BY_PLACE:
        pairs = [("code", each) for each in node.args]
    else:
        return
    for name, value in pairs:
        word = getattr(value, "value", None) if name == "code" else None
        if isinstance(word, str) and WORD.fullmatch(word):
            yield word


def test_the_page_is_current(page):
    assert PAGE.read_text("utf-8") == page, (
        "run: python -m labeldock.cli.errors_reference > docs/reference/errors.md"
    )


def test_every_kind_has_a_remedy_and_no_other_has():
    assert {kind.code for kind in list_kinds()} == set(REMEDIES)


def test_every_code_that_the_sources_write_is_on_it(page):
    told, written = set(CODE.findall(page)), set(list_literals())

    assert {"worker_lost", "no_space", "key_too_long"} <= written
    assert written <= told


def test_every_finding_is_one_that_the_sources_write():
    text = "".join(
        module.text for module in list_modules(CORE) if "cli" not in module.name
    )
    made = {f"object_{verdict}" for verdict in VERDICTS}

    assert [
        code for code in FURTHER if code not in made and f'"{code}"' not in text
    ] == []
    assert made - {"object_found"} <= set(FURTHER)


def test_every_status_is_explained():
    known = {*STATUSES.values(), *answers.STATUSES.values(), *_PLAIN, 503, 405}

    # A storage that is slow, and one that asks to slow down, are told so to browsers.
    assert known - {504} == {status for status, _, _ in STATUSES_OF_REQUESTS}


def test_every_end_of_a_run_is_explained():
    assert set(STATES) == set(get_args(RunState)) - {"queued", "in_progress"}

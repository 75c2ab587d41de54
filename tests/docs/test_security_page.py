"""The threat model names tests that there are, for every threat and boundary."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs/explanation/security.md").read_text("utf-8")
MODEL = PAGE.partition("## The threat model")[2].partition("\n## ")[0]
BOUNDARY = re.compile(r"^### (\d)\. .*?(?=^### |\Z)", re.MULTILINE | re.DOTALL)
DEFINED = re.compile(r"^\s*def (test_\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module")
def defined():
    texts = (path.read_text("utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    suites = ROOT.glob("core/src/labeldock/testing/suites/*.py")
    texts = [*texts, *(path.read_text("utf-8") for path in suites)]
    return {name for text in texts for name in DEFINED.findall(text)}


def list_rows():
    """The number of a boundary and the cells of each of its threats."""
    for boundary in BOUNDARY.finditer(MODEL):
        lines = [line for line in boundary[0].splitlines() if line.startswith("| ")]
        for line in lines[1:]:
            yield int(boundary[1]), line.strip("| ").split(" | ")


def test_every_threat_has_an_answer_and_a_test_that_is_there(defined):
    for _, (threat, answer, shown) in list_rows():
        named = re.findall(r"`(test_\w+)`", shown)
        assert all((threat, answer, named)), threat
        assert set(named) <= defined, threat


def test_every_boundary_of_the_drawing_has_threats():
    drawing = MODEL.partition("```text")[2].partition("```")[0]
    drawn = {int(number) for number in re.findall(r"──(\d)", drawing)}

    assert drawn == {number for number, _ in list_rows()} == set(range(1, 7))
    assert len(list(list_rows())) >= 30


def test_a_test_that_is_not_there_is_noticed(defined):
    assert "test_nobody_has_written_this" not in defined
    assert len(defined) > 1000

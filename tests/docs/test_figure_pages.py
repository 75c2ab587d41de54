"""The tables of figures in the documents are what was measured, and nothing else."""

from __future__ import annotations

import pytest

from bench.names import BENCHES
from bench.pages import README, RECORD, REFERENCE, render_readme, render_reference
from bench.peers import NAME
from bench.record import load_record

AGAIN = "run: python -m bench.pages"


@pytest.fixture(scope="module")
def record():
    return load_record(RECORD)


@pytest.mark.parametrize(
    ("path", "render"),
    [(README, render_readme), (REFERENCE, render_reference)],
    ids=["README", "benchmarks"],
)
def test_the_page_shows_the_figures_of_the_record(path, render, record):
    page = path.read_text("utf-8")

    assert page == render(page, record), AGAIN


def test_the_record_is_of_a_whole_run(record):
    assert {outcome.name for outcome in record.outcomes} <= set(BENCHES)
    assert len(record.outcomes) >= 12


def test_both_pages_say_when_and_on_what_it_was_measured(record):
    for page in (README.read_text("utf-8"), REFERENCE.read_text("utf-8")):
        assert f"on {record.machine.date} at commit {record.machine.commit}" in page
        assert f"Python {record.machine.python}" in page


def test_the_peer_was_measured_in_the_same_run(record):
    beside = [figure for _, figure in record.rows if figure.name.endswith(NAME)]

    assert len(beside) >= 5
    assert all(figure.bare for figure in beside)


def test_a_page_without_its_marks_is_refused(record):
    with pytest.raises(ValueError, match="the marks of peers are on the page 0 times"):
        render_readme("# A page\n", record)

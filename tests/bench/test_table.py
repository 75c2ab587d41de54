"""The one table of what was promised, from figures that a bench gave."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.machine import Machine, describe_machine
from bench.names import BENCHES, load, read_title
from bench.promises import PROMISES, Promise
from bench.record import Outcome, Record, load_record
from bench.report import Figure, Report, at_least, at_most
from bench.table import (
    Verdict,
    build_lines,
    count_verdicts,
    describe_circumstances,
    is_good,
    show_lines,
)
from tests.bench import tiny

MACHINE = Machine("2031-05-01", 2, "Z80", "3.11.7", "Linux", "abc1234")
THINGS = Promise("tiny", "things *", "things", "bare loop")
MEMORY = Promise("tiny", "memory", "memory", "few")


def record_of(*figures, failure="", busy=0.0):
    rows = [("tiny", figure) for figure in figures]
    outcome = Outcome("tiny", 90.0, busy, failure)
    return Record(MACHINE, is_quick=True, outcomes=[outcome], rows=rows)


def measure(*, is_quick):
    report = Report(Console(file=io.StringIO()))
    tiny.run(report, is_quick=is_quick)
    return [figure for _, figure in report.figures]


def test_a_target_that_is_met_is_shown_with_what_it_stands_beside():
    record = record_of(*measure(is_quick=False))

    line = build_lines(record, [THINGS, MEMORY])[0]

    cells = (line.text, line.ours, line.theirs, line.ratio, line.target, line.verdict)
    assert cells == (
        "things in a second", "200 things/s", "100 bare loop", "2", "ratio ≥ 1", "met",
    )  # fmt: skip


def test_a_target_that_is_missed_is_not_good():
    lines = build_lines(record_of(*measure(is_quick=True)), [THINGS, MEMORY])

    assert [line.verdict for line in lines] == [Verdict.MISSED, Verdict.MET]
    assert not is_good(lines)
    assert count_verdicts(lines) == "Targets: 1 met, 1 not met."


def test_a_figure_without_a_target_is_shown_only_where_it_was_promised():
    record = record_of(*measure(is_quick=False))
    by_the_way = Promise("tiny", "by the way", "by the way")

    lines = build_lines(record, [THINGS, MEMORY, by_the_way])

    assert [line.verdict for line in lines] == ["met", "met", ""]
    assert len(build_lines(record, [THINGS, MEMORY])) == 2


def test_a_target_that_nobody_promised_is_shown_too():
    lines = build_lines(record_of(*measure(is_quick=False)), [THINGS])

    assert [line.text for line in lines] == ["things in a second", "memory"]


def test_of_several_figures_the_nearest_to_its_limit_is_shown():
    sizes = (20.0, 90.0, 70.0)
    pages = [
        Figure(f"page {n}", size, "ms", target=at_most(size, 100.0, "ms"))
        for n, size in enumerate(sizes)
    ]

    (line,) = build_lines(record_of(*pages), [Promise("tiny", "page *", "a page")])

    assert line.text == "a page, the nearest to its limit of 3: page 1"
    assert line.ours == "90 ms"


def test_of_several_figures_one_that_misses_its_target_comes_first():
    slow = Figure("rate a", 1.0, "1/s", target=at_least(1.0, 2.0, "1/s"))
    fast = Figure("rate b", 9.0, "1/s", target=at_least(9.0, 2.0, "1/s"))

    (line,) = build_lines(record_of(slow, fast), [Promise("tiny", "rate *", "rate")])

    assert line.verdict is Verdict.MISSED
    assert line.ours == "1 1/s"


def test_what_is_not_installed_is_named_with_the_command_that_installs_it():
    missing = Promise("tiny", "gone", "beside a peer", "Peer", "Peer: ./dev peer")

    (line,) = build_lines(record_of(), [missing])

    assert line.outcome == "not measured: needs Peer: ./dev peer"
    assert is_good([line])


def test_a_figure_that_its_bench_forgot_is_not_good():
    lines = build_lines(
        record_of(*measure(is_quick=False)), [Promise("tiny", "x", "x")]
    )

    assert lines[0].outcome == "FAILED: the bench gave no such figure"
    assert not is_good(lines)


def test_a_bench_that_failed_is_shown_with_its_reason_and_what_it_had_measured():
    record = record_of(*measure(is_quick=False)[:1], failure="OSError: away")

    lines = build_lines(record, [THINGS, MEMORY])

    assert [(line.text, line.outcome) for line in lines] == [
        ("the bench tiny", "FAILED: OSError: away"),
        ("things in a second", "met"),
        ("memory", "not measured: the bench failed"),
    ]
    assert not is_good(lines)


def test_benches_that_did_not_run_are_not_missed():
    assert build_lines(record_of(), [Promise("other", "x", "x")]) == []


def test_a_record_is_read_as_it_was_saved(tmp_path):
    record = record_of(*measure(is_quick=True), failure="OSError: away", busy=0.4)
    path = tmp_path / "record.json"

    record.save(path)

    assert load_record(path) == record


def test_the_table_says_where_and_when():
    output = io.StringIO()
    record = record_of(*measure(is_quick=True))
    lines = build_lines(record, [THINGS, MEMORY])

    show_lines(Console(file=output, width=160), lines, record)

    text = output.getvalue()
    for word in ("things in a second", "NOT MET", "100 bare loop", "1 not met"):
        assert word in text
    assert "on 2031-05-01 at commit abc1234, in 2 minutes, on 2 cores (Z80)" in text
    assert "nothing else ran" in text


def test_figures_from_beside_other_work_say_so():
    text = describe_circumstances(record_of(busy=0.4))

    assert "BESIDE OTHER WORK: up to 40 % of its processors" in text


def test_this_machine_is_described():
    machine = describe_machine()

    assert machine.cores >= 1
    assert machine.python.count(".") == 2
    assert machine.date > "2026"


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_says_what_it_measures(name):
    assert read_title(name).endswith(".")
    assert callable(load(name).run)


def test_every_promise_is_of_a_bench():
    assert {promise.bench for promise in PROMISES} <= set(BENCHES)

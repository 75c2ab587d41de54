"""`./dev bench`: the command that runs benches, on benches that take no time."""

from __future__ import annotations

import io
import subprocess
import sys

from rich.console import Console

from bench.names import BENCHES
from bench.record import load_record
from bench.running import run_all, wait
from tests.architecture.sources import ROOT

HANG = "import time; time.sleep(60)"
TINY, FAILING = "tests.bench.tiny", "tests.bench.failing"


def bench(*words):
    command = [sys.executable, "-m", "bench", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )


def test_one_that_fails_stops_none_of_the_others(tmp_path):
    path = tmp_path / "record.json"

    done = bench(FAILING, TINY, "--json", path)

    assert done.returncode == 1
    assert "FAILED: RuntimeError: the server is away" in done.stdout
    assert "200 things/s" in done.stdout
    record = load_record(path)
    assert [outcome.name for outcome in record.outcomes] == [FAILING, TINY]
    assert [figure.name for _, figure in record.rows] == [
        "time", "things in a second", "memory", "by the way",
    ]  # fmt: skip


def test_one_alone_shows_all_its_figures_and_is_good_where_its_targets_are_met():
    done = bench(TINY)

    assert done.returncode == 0
    assert "by the way" in done.stdout
    assert "ratio ≥ 1" in done.stdout


def test_a_target_that_is_not_met_is_an_exit_code():
    done = bench(TINY, "--quick")

    assert done.returncode == 1
    assert "NOT MET" in done.stdout


def test_the_names_are_listed():
    done = bench("list")

    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(BENCHES)


def test_a_name_that_is_not_there_is_refused_with_the_list():
    done = bench("imports")

    assert done.returncode == 2
    assert "no bench 'imports'; there are: startup, " in done.stderr


def test_one_that_is_stopped_keeps_its_figures_and_one_that_is_killed_is_told(
    monkeypatch,
):
    monkeypatch.chdir(ROOT)
    names = ["tests.bench.stopped", "tests.bench.vanishing"]

    record = run_all(names, Console(file=io.StringIO()), is_quick=True)

    stopped, vanished = record.outcomes
    assert stopped.failure == "ended early: stopped"
    assert vanished.failure == "ended without a record (exit code -9)"
    assert [figure.name for _, figure in record.rows] == ["before"]


def test_one_that_takes_too_long_is_ended():
    assert wait([sys.executable, "-c", HANG], 0.5) == "stopped after 0.5 s"

"""Load, soak and failures: what their reports say, and that the service passes them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.object_server import served_objects
from bench.stress.failures import Blow, Fault, Storm, judge_blow
from bench.stress.ground import opened_ground
from bench.stress.load import Climb, Step, run_load
from bench.stress.mixture import SHARES, Operation, Plan
from bench.stress.offering import BROKEN, REFUSED, SILENT, Row
from bench.stress.outcomes import Stretch, offer
from bench.stress.sheet import Sheet
from bench.stress.soak import Soak, find_growth, judge_answers, run_soak
from bench.stress.watching import Look, Sample, Stores
from tests.servers import postgres, redis
from tests.servers.process import free_port
from tests.servers.starting import start_server

ROOT = Path(__file__).parents[2]
ERROR = b'{"detail": "x", "status_code": 503}'


def render(status, body=b"{}", *fields):
    lines = [f"HTTP/1.1 {status} .", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


ANSWERS = {
    "/good": render(200),
    "/parts": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    "/made": render(201, b'{"id": 7}'),
    "/last": render(200, b"{}", "Connection: close"),
    "/bare": render(503, ERROR),
    "/told": render(503, ERROR, "Retry-After: 2"),
    "/page": render(500, b"oops"),
    "/junk": b"what?\r\n\r\n",
    "/broken": b"",
}


@contextlib.contextmanager
def answered():
    """The address of a server that says what it is asked for."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _answer(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            if path == "/silent":
                await asyncio.sleep(60)
            writer.write(ANSWERS[path])
            await writer.drain()
            if path in {"/broken", "/last"}:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _end_all():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def ask(url, path, patience=5.0):
    operation = Operation("one", 1.0, "GET", [path])
    return offer(Plan(url, [operation], rate=40, seconds=0.1, patience=patience))


def test_what_becomes_of_a_request_is_noted():
    expected = {
        "/good": (200, 0, True),
        "/parts": (200, 0, True),
        "/made": (201, 7, True),
        "/last": (200, 0, True),
        "/bare": (503, 0, False),
        "/told": (503, 0, True),
        "/page": (500, 0, False),
        "/junk": (BROKEN, 0, True),
        "/broken": (BROKEN, 0, True),
    }
    operations = [
        Operation(path, 1.0, "GET", [path], is_noted=True) for path in expected
    ]
    with answered() as url:
        stretch = offer(Plan(url, operations, rate=180, seconds=0.5))

    for path, outcome in expected.items():
        rows = stretch.rows_of(path)
        assert rows
        assert {(r.status, r.made, r.is_told) for r in rows} == {outcome}, path


def test_a_service_that_is_silent_or_away_is_noted():
    with answered() as url:
        silent = ask(url, "/silent", patience=0.3)
    away = ask(f"http://127.0.0.1:{free_port()}", "/good")

    assert silent.count_statuses() == {"no answer": 4}
    assert [row.status for row in silent.rows] == [SILENT] * 4
    assert all(row.seconds >= 0.3 for row in silent.rows)
    assert [row.status for row in away.rows] == [REFUSED] * 4


def test_the_shares_of_the_mixture_are_kept():
    operations = [
        Operation(name, share, "GET", ["/good"]) for name, share in SHARES.items()
    ]
    with answered() as url:
        stretch = offer(Plan(url, operations, rate=1000, seconds=1.0))

    counted = {name: len(stretch.rows_of(name)) / 1000 for name in SHARES}
    assert counted == pytest.approx(SHARES)
    assert sum(SHARES.values()) == pytest.approx(1)


def make_stretch(*rows, rate=10.0):
    operation = Operation("one", 1.0, "GET", ["/"])
    return Stretch(Plan("", [operation], rate, 1.0), 1000.0, 0.1, list(rows))


def test_figures_of_a_stretch():
    stretch = make_stretch(
        Row(0, 0.0, 0.1, 200, 5),
        Row(0, 0.2, 0.3, 503),
        Row(0, 0.4, 0.2, 200, 6),
        Row(0, 0.9, 0.4, 200),  # too late
    )

    assert stretch.achieved == 2
    assert stretch.count_bad() == 1
    assert stretch.find_percentile(0.5) == 0.3
    assert stretch.find_percentile(0.99) == 0.4
    assert stretch.list_made("one") == [5, 6]
    assert stretch.count_statuses(bad_only=True) == {"503": 1}
    assert stretch.find_last_bad() == 1000.2


@pytest.mark.parametrize(
    ("seconds", "answers", "fault"),
    [
        (0.01, 10, ""),
        (0.01, 9, "90% of what was offered was answered"),
        (0.3, 10, "99th percentile 300 ms"),
    ],
)
def test_the_knee_is_where_answers_are_late_or_missing(seconds, answers, fault):
    rows = [Row(0, n / 20, seconds, 200) for n in range(answers)]
    rows += [Row(0, 0.5, seconds, 503) for _ in range(10 - answers)]

    assert Step(make_stretch(*rows), 0, {}, {}).find_fault(0.25) == fault


def test_growth_is_that_of_the_second_half():
    stores = Stores(0, 0, 0)
    sizes = [10, 50, 90, 100, 100, 103, 106, 109, 112, 115]
    samples = [
        Sample(float(n), {"web": Look(0.0, size, 0, 0)}, stores)
        for n, size in enumerate(sizes)
    ]

    assert find_growth(samples, lambda s: s.processes["web"].memory) == pytest.approx(
        12, abs=0.5
    )
    assert find_growth(samples[:1], lambda s: s.processes["web"].memory) == 0


def test_answers_that_become_slower_are_not_well():
    early = make_stretch(*[Row(0, 0.0, 0.1, 200)] * 10)
    late = make_stretch(*[Row(0, 0.0, 0.4, 200)] * 10)
    steady, drifting = Sheet(), Sheet()

    judge_answers([early, early], steady)
    judge_answers([early, late], drifting)

    assert [verdict.is_met for verdict in steady.verdicts] == [True, True, True]
    assert [verdict.is_met for verdict in drifting.verdicts] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "is_told", "breaks", "is_well"),
    [
        (503, True, False, True),
        (424, True, False, True),
        (503, False, False, False),
        (500, True, False, False),
        (BROKEN, True, False, False),
        (BROKEN, True, True, True),
        (REFUSED, True, True, True),
        (SILENT, True, False, False),
    ],
)
def test_what_clients_may_be_told_of_a_failure(status, is_told, breaks, is_well):
    fault = Fault(lambda: None, lambda: None, breaks=breaks)
    stretch = make_stretch(Row(0, 0.1, 0.1, status, is_told=is_told))
    blow = Blow("it", fault, stretch, started=1000.0, caught_up=1.0)
    sheet = Sheet()

    judge_blow(blow, Storm(rest=5.0), sheet)

    assert [v.is_met for v in sheet.verdicts] == [is_well, True]
    assert blow.recovered == pytest.approx(0.1)


def test_a_report_is_saved(tmp_path):
    sheet = Sheet()
    sheet.note("knee", 5)
    sheet.show("a table", [{"name": "one", "number": 1.5}])
    sheet.judge("all", "some", "all", is_met=False)

    sheet.save(tmp_path / "report.json")

    found = json.loads((tmp_path / "report.json").read_text())
    assert found["tables"] == {"a table": [{"name": "one", "number": 1.5}]}
    assert (found["knee"], found["is_well"]) == (5, False)


@pytest.fixture
def ground():
    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(served_objects("--count", "200"))
        yield start_server(stack, opened_ground(objects, {}))


@pytest.mark.full
def test_the_hosted_mode_is_put_under_load(ground):
    sheet = Sheet()

    climb = Climb(start=20, most=20, seconds=1, bound=60, warm=0.5)
    run_load(ground, climb, sheet)
    run_soak(ground, Soak(rate=20, seconds=4, warm=0.5), sheet)

    assert 20 in [step["offered /s"] for step in sheet.tables["load: steps"]]
    (operations,) = (
        rows for title, rows in sheet.tables.items() if "operations" in title
    )
    assert [row["operation"] for row in operations] == list(SHARES)
    processes = {row["process"] for row in sheet.tables["soak: processes"]}
    assert {"web process 1", "web process 2", "worker-1", "worker-2"} <= processes
    told = [v for v in sheet.verdicts if " later" in v.name or "failed" in v.name]
    assert len(told) > 5
    assert [v for v in told if not v.is_met] == []


@pytest.mark.full
@pytest.mark.timeout(600)
def test_nothing_grows_in_a_soak(tmp_path):
    assert find_faults(tmp_path, "soak", "--minutes", "0.8", "--rate", "30") == []


@pytest.mark.full
@pytest.mark.timeout(900)
def test_each_dependency_may_fail_and_nothing_is_lost(tmp_path):
    names = ("PostgreSQL", "Redis", "S3 server", "web process", "worker-1")
    only = [word for name in names for word in ("--only", name)]
    words = ["--rate", "15", "--away", "2", "--rest", "15", *only]

    assert find_faults(tmp_path, "failures", *words) == []


def find_faults(folder, *words):
    """What did not hold in a run of `./dev stress`."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "bench.stress", *words, "--json", str(report)]
    with contextlib.ExitStack() as stack:
        start_server(stack, looked_for())
        done = subprocess.run(command, cwd=ROOT, check=False)
    found = json.loads(report.read_text())
    assert done.returncode == (0 if found["is_well"] else 1)
    return [v for v in found["verdicts"] if not v["is_met"] and not v["is_timed"]]


@contextlib.contextmanager
def looked_for():
    """The programs that it needs are installed."""
    postgres.find_programs()
    redis.find_program()
    yield

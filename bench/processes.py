"""When a web process is ready, and what it and an idle worker hold.

Embedded is SQLite with the worker beside the web, hosted is PostgreSQL and Redis. What
is held is the resident set (RSS): what the system shows, shared libraries included.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from bench.installation import SECRET_KEY, opened_installation
from bench.report import Figure, Report, at_most
from bench.servers import fresh_database, started_postgres
from bench.trees import temporary_folder
from tests.servers.process import ServerMissing, free_port
from tests.servers.redis import flushed_database, run_redis

MOST_SECONDS = 1.5
MOST_WEB, MOST_WORKER = 120.0, 150.0  # megabytes
MEGABYTE = 1024 * 1024
_IDLE = 1.0  # seconds after which a process has done what it does at first
_PATIENCE = 60.0


class Start(NamedTuple):
    """Seconds until a process was ready, and the megabytes that it held then."""

    seconds: float
    megabytes: float


def run(report: Report, rounds: int) -> None:
    """Measure embedded, and hosted where the servers are installed."""
    with temporary_folder() as folder:
        with opened_installation(folder / "home", roots=folder):
            pass
        _measure(report, "embedded", {"LABELDOCK_HOME": str(folder / "home")}, rounds)
        with _hosted(report, folder) as environment:
            if environment:
                _measure(report, "hosted", environment, rounds)


@contextmanager
def _hosted(report: Report, folder: Path) -> Iterator[dict[str, str]]:
    """The settings of a service on PostgreSQL and Redis; none if they are missing."""
    home = folder / "hosted"
    with ExitStack() as stack:
        server = stack.enter_context(started_postgres(report.console))
        try:
            broker = stack.enter_context(run_redis())
        except ServerMissing as missing:
            report.console.print(f"  without Redis: {missing}", style="yellow")
            broker = ""
        if server is None or not broker:
            yield {}
            return
        url = stack.enter_context(fresh_database(server))
        stack.enter_context(flushed_database(broker))
        with opened_installation(home, roots=folder, database_url=url):
            pass
        yield {
            "LABELDOCK_HOME": str(home),
            "LABELDOCK_DATABASE_URL": url,
            "LABELDOCK_BROKER_URL": broker,
        }


def _measure(
    report: Report, mode: str, environment: Mapping[str, str], rounds: int
) -> None:
    web = _start_often(lambda: start_web(environment), rounds)
    worker = _start_often(lambda: start_worker(environment), rounds)
    target = at_most(web.seconds, MOST_SECONDS, "s")
    report.add(
        Figure(f"a web process is ready, {mode}", web.seconds, "s", target=target)
    )
    for name, held, most in (
        (f"memory of a web process, {mode}, before it calls a provider", web, MOST_WEB),
        (f"memory of an idle worker, {mode}", worker, MOST_WORKER),
    ):
        megabytes = held.megabytes
        target = at_most(megabytes, most, "MB")
        report.add(Figure(name, megabytes, "MB", target=target))


def _start_often(start: Callable[[], Start], rounds: int) -> Start:
    """The median time and the most memory, after a start that fills the caches."""
    start()
    starts = [start() for _ in range(rounds)]
    return Start(
        statistics.median(each.seconds for each in starts),
        max(each.megabytes for each in starts),
    )


def start_web(environment: Mapping[str, str]) -> Start:
    """Start one web process, until it says that it is ready."""
    port = free_port()
    began = time.perf_counter()
    with _started(["serve", "--port", str(port)], environment) as (process, log):
        _wait(process, log, lambda: _is_ready(port))
        seconds = time.perf_counter() - began
        time.sleep(_IDLE)
        return Start(seconds, read_resident(process.pid))


def start_worker(environment: Mapping[str, str]) -> Start:
    """Start a worker, until it says that it is ready."""
    began = time.perf_counter()
    with _started(["worker"], environment) as (process, log):
        _wait(process, log, lambda: "worker is ready" in log.read_text())
        seconds = time.perf_counter() - began
        time.sleep(_IDLE)
        return Start(seconds, read_resident(process.pid))


@contextmanager
def _started(
    words: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    values = {**os.environ, "LABELDOCK_SECRET_KEY": SECRET_KEY, **environment}
    command = [sys.executable, "-m", "labeldock", *words]
    with tempfile.NamedTemporaryFile(prefix="labeldock-bench-") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=values)
        try:
            yield process, Path(log.name)
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], log: Path, ask: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not ask():
        if process.poll() is not None or time.monotonic() > until:
            words = " ".join(log.read_text()[-500:].split())
            raise RuntimeError(f"a process did not become ready: {words}")
        time.sleep(0.005)


def _is_ready(port: int) -> bool:
    """Whether it answers so; it listens before it can answer, and the answer waits."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    with suppress(OSError):
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        finally:
            connection.close()
    return False


def read_resident(pid: int) -> float:
    """Megabytes that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / MEGABYTE

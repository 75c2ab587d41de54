"""A progress display for a run: counts, rate and time, read from the run's row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from sqlalchemy.exc import SQLAlchemyError

from labeldock.cli.operating import Operation
from labeldock.cli.run_views import show_counts
from labeldock.cli.showing import build_console
from labeldock.services import runs
from labeldock.services.runs import RunView

LOOK_SECONDS: Final = 0.2
LINE_SECONDS: Final = 10.0


@contextmanager
def show_progress(
    operation: Operation, run: RunView, *, is_quiet: bool
) -> Iterator[None]:
    """Show how far a run is while the block lasts, on standard error."""
    if is_quiet:
        yield
        return
    console = build_console(is_error=True)
    display = _Bar(run) if console.is_terminal else _Lines(run)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(operation, run, display, ended))
    watcher.daemon = True
    with display:
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            display.show(runs.get_run(*operation, run.id))


def _watch(
    operation: Operation, run: RunView, display: _Display, ended: threading.Event
) -> None:
    while not ended.wait(LOOK_SECONDS):
        with suppress(SQLAlchemyError):  # whoever does the work says so
            display.show(runs.get_run(*operation, run.id))


class _Display:
    """Counts per second, from the counts that a run had when it was taken up."""

    def __init__(self, run: RunView) -> None:
        self._started = time.monotonic()
        self._before = count_done(run)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, run: RunView) -> None:
        raise NotImplementedError

    def _describe(self, run: RunView) -> str:
        elapsed = max(time.monotonic() - self._started, 0.001)
        rate = (count_done(run) - self._before) / elapsed
        return f"{show_counts(run)}, {rate:,.0f}/s"


def count_done(run: RunView) -> int:
    """How many objects a run has dealt with."""
    if run.kind == "export":
        return run.counts.get("delivered", 0) + run.counts.get("failed", 0)
    if run.kind in {"backup", "restore"}:
        return run.counts.get("done", 0)
    return run.counts.get("seen", 0)


class _Bar(_Display):
    """In a terminal: a bar where the total is known, else a moving one."""

    def __init__(self, run: RunView) -> None:
        super().__init__(run)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=build_console(is_error=True),
        )
        title = f"{run.kind} of storage {run.storage_id}"
        if run.storage_id is None:
            title = f"{run.kind} {run.id}"
        self._row = self._progress.add_task(title, total=None, counts="starting")

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, run: RunView) -> None:
        total = run.counts.get("total") if run.is_active else count_done(run)
        self._progress.update(
            self._row,
            total=total,
            completed=count_done(run),
            counts=self._describe(run),
        )


class _Lines(_Display):
    """In a log: a line every ten seconds."""

    def __init__(self, run: RunView) -> None:
        super().__init__(run)
        self._shown = time.monotonic()

    def show(self, run: RunView) -> None:
        now = time.monotonic()
        if now - self._shown < LINE_SECONDS:
            return
        self._shown = now
        seconds = now - self._started
        text = f"run {run.id}: {self._describe(run)}, {seconds:.0f} s"
        build_console(is_error=True).print(text, markup=False)

"""Doing a run in the terminal: progress while it lasts, a result when it ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from labeldock.cli.dry_runs import dump_objects, print_objects
from labeldock.cli.failures import FAILURE, INTERRUPTED
from labeldock.cli.run_views import (
    describe_problem,
    dump_run,
    list_errors,
    print_errors,
    show_counts,
)
from labeldock.cli.showing import print_json

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.runs import RunView

SHOWN_ERRORS = 10
STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def follow_run(
    operation: Operation, run: RunView, *, wait: bool, as_json: bool
) -> None:
    """Do a run that was asked for, or leave it to a worker; say what came of it.

    Raises:
        typer.Exit: with 1 unless everything went well, with 130 after Ctrl-C.
    """
    if not wait:
        _report_queued(run, as_json=as_json)
        return
    try:
        ended = work_run(operation, run, is_quiet=as_json)
    except (Interrupted, KeyboardInterrupt):
        typer.echo(_explain_interruption(run), err=True)
        raise typer.Exit(INTERRUPTED) from None
    _report_end(operation, ended, as_json=as_json)
    if ended.state != "completed":
        raise typer.Exit(FAILURE)


class Interrupted(Exception):
    """Ctrl-C, or the terminal was closed; the run was handed back."""


def work_run(operation: Operation, run: RunView, *, is_quiet: bool) -> RunView:
    """Do a run in this process until it has ended.

    Raises:
        Interrupted: it was asked to stop before.
    """
    from labeldock.cli.progress import show_progress
    from labeldock.services.working import run_until_done

    with (
        catch_signals() as ending,
        show_progress(operation, run, is_quiet=is_quiet),
    ):
        view = run_until_done(operation.app, run.id, owner=name_worker(), ending=ending)
    if view.is_active:
        raise Interrupted
    return view


@contextmanager
def catch_signals() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C and its like; the second one strikes at once."""
    ending = threading.Event()

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.default_int_handler)
        ending.set()
        # Not by way of a stream, which this may have interrupted.
        os.write(STDERR, b"\nStopping at the next page; Ctrl-C again stops at once.\n")

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def name_worker() -> str:
    """A name under which people find the process that holds a run."""
    return f"terminal {socket.gethostname()}:{os.getpid()}"


def _report_queued(run: RunView, *, as_json: bool) -> None:
    if as_json:
        print_json(dump_run(run, ()))
        return
    typer.echo(f"Run {run.id} is {run.state}; a worker does it.")
    typer.echo(f"See how far it is: labeldock run show {run.id}")


def _explain_interruption(run: RunView) -> str:
    resume = f"  labeldock storage sync {run.storage_id}\n" if run.storage_id else ""
    place = "and can go on from there:" if resume else "in the queue."
    return (
        f"Interrupted. Run {run.id} keeps its place {place}\n{resume}"
        f"A running service or worker goes on with it by itself; to stop it for good:\n"
        f"  labeldock run cancel {run.id}"
    )


def _report_end(operation: Operation, run: RunView, *, as_json: bool) -> None:
    errors = list_errors(operation, run.id, SHOWN_ERRORS)
    if as_json:
        print_json(dump_run(run, errors) | dump_objects(operation, run))
        return
    typer.echo(f"Run {run.id} {_describe_state(run)}: {show_counts(run)}.")
    print_objects(operation, run)
    if run.problem:
        typer.echo(describe_problem(run), err=True)
    print_errors(errors, is_error=True)
    if len(errors) == SHOWN_ERRORS:
        typer.echo(f"More errors: labeldock run show {run.id} --errors 1000", err=True)


def _describe_state(run: RunView) -> str:
    if run.state == "cancelled":
        return f"was cancelled by {run.cancelled_by}"
    return run.state.replace("_", " ")

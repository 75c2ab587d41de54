"""Do the work of runs: slices by kind, failures by type, whole runs in a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.db.engine import is_outage
from labeldock.db.tables import Run
from labeldock.metrics import LEASES_LOST, SLICE_SECONDS
from labeldock.services import leases, parts, runs
from labeldock.services.backups.making import backup_slice
from labeldock.services.context import AppContext
from labeldock.services.events.draining import drain_slice
from labeldock.services.events.requests import ONLY_INBOX
from labeldock.services.exporting.export import export_slice
from labeldock.services.importing.dry_run import dry_slice
from labeldock.services.importing.walk import import_slice
from labeldock.services.interruptions import describe_problem
from labeldock.services.leases import Lease, LeaseLost
from labeldock.services.restoring.work import restore_slice
from labeldock.services.runs import RunView
from labeldock.services.slices import opened_slice
from labeldock.services.slots.check_run import REFERENCE_CHECK, check_slice

_WORK: Final[Mapping[str, Callable[[AppContext, Lease], bool]]] = {
    "import": import_slice,
    "export": export_slice,
    runs.DRY_RUN: dry_slice,
    REFERENCE_CHECK: check_slice,
    runs.BACKUP: backup_slice,
    runs.RESTORE: restore_slice,
}
_WAIT_SECONDS: Final = 0.2
_log = structlog.get_logger(__name__)


class UnexpectedError(LabeldockError):
    """A fault of Labeldock itself; the log has it under the correlation id."""

    code = "internal_error"


class DatabaseUnavailable(LabeldockError):
    """The database went away, or refused for a reason that passes."""

    code = "database_unavailable"
    retryable = True


def claim_work(app: AppContext, owner: str, run_id: int) -> Lease | None:
    """Take the lease of a run, or of a part of it; None if nothing of it is due."""
    run = leases.claim_run(app, owner, run_id)
    return run or parts.claim_part(app, owner, run_id)


def work_slice(
    app: AppContext, lease: Lease, ending: threading.Event | None = None
) -> bool:
    """Do one slice of what is held; whether it wants another one right away.

    It ends early, and hands the run back, once `ending` is set.

    Whatever goes wrong ends up on the run's row: a failure that may pass queues it
    again with backoff, another one ends it. A lost lease ends the slice in silence,
    since the run is in other hands.
    """
    lease.ending = ending or lease.ending
    with opened_slice(lease) as span:
        try:
            with leases.heartbeat(app, lease), SLICE_SECONDS.labels(lease.kind).time():
                return not _find_work(lease)(app, lease)
        except LeaseLost:
            LEASES_LOST.labels(lease.kind).inc()
            _log.info("lease_lost")
            span.fail(LeaseLost.code)
        except LabeldockError as error:
            span.fail(error.code)
            _note_failure(app, lease, error)
        except Exception as error:  # noqa: BLE001  the job boundary: the run's row says so
            span.fail(type(error).__name__)
            if is_outage(error):
                _note_failure(app, lease, _describe_outage(error))
            else:
                _note_crash(app, lease)
        return False


def _find_work(lease: Lease) -> Callable[[AppContext, Lease], bool]:
    return drain_slice if lease.options.get(ONLY_INBOX) else _WORK[lease.kind]


def _describe_outage(error: Exception) -> DatabaseUnavailable:
    kind = type(getattr(error, "orig", error)).__name__
    return DatabaseUnavailable(
        f"The database could not be used ({kind}).",
        remedy="Nothing, unless it lasts: then look at the database's log.",
    )


def _note_crash(app: AppContext, lease: Lease) -> None:
    _log.exception("run_crashed")
    unexpected = UnexpectedError(
        "Something went wrong inside Labeldock.",
        remedy="Look in the log under the correlation id.",
    )
    _settle(app, lease, unexpected, may_pass=True)


def _note_failure(app: AppContext, lease: Lease, error: LabeldockError) -> None:
    _log.warning("run_interrupted", code=error.code, reason=error.message)
    _settle(app, lease, error, may_pass=error.retryable)


def _settle(
    app: AppContext, lease: Lease, error: LabeldockError, *, may_pass: bool
) -> None:
    """Note a failure; while the database is away, for as long as the lease may last."""
    deadline = time.monotonic() + app.settings.lease_seconds
    while True:
        try:
            _note(app, lease, error, may_pass=may_pass)
        except LeaseLost:
            _log.info("lease_lost")
        except DBAPIError as failure:
            if not is_outage(failure):
                raise
            if time.monotonic() < deadline and not lease.ending.wait(_WAIT_SECONDS):
                continue
            _log.warning("run_left_to_the_reaper", reason=type(failure.orig).__name__)
        return


def _note(
    app: AppContext, lease: Lease, error: LabeldockError, *, may_pass: bool
) -> None:
    if lease.part is not None:
        settle = parts.postpone_part if may_pass else parts.fail_part
        settle(app, lease, error)
    elif may_pass:
        leases.postpone(app, lease, error)
    else:
        problem = describe_problem(error)
        leases.finish(app, lease, "failed", problem=problem)


def run_until_done(
    app: AppContext,
    run_id: int,
    *,
    owner: str,
    on_progress: Callable[[RunView], None] | None = None,
    ending: threading.Event | None = None,
) -> RunView:
    """Work on a run in this thread until it has ended; wait while others hold it.

    Once `ending` is set, and on KeyboardInterrupt, the run is handed back, to be taken
    up from its checkpoint. The event is the better way: an exception that strikes
    anywhere may also strike where a lock changes hands.

    Args:
        app: the parts.
        run_id: the run.
        owner: name of the worker, for people.
        on_progress: called with the run whenever it may have moved.
        ending: set when the work is to stop; the run given back is still active then.

    Raises:
        NotFound: there is no such run (any more).
    """
    ending = ending or threading.Event()
    while True:
        lease = claim_work(app, owner, run_id)
        if lease is not None:
            _work_interruptibly(app, lease, ending)
        view = _look(app, run_id)
        if on_progress is not None:
            on_progress(view)
        if not view.is_active or ending.is_set():
            return view
        if lease is None:
            leases.reap_lost_runs(app)
            parts.reap_lost_parts(app)
            ending.wait(_WAIT_SECONDS)


def _work_interruptibly(app: AppContext, lease: Lease, ending: threading.Event) -> None:
    try:
        work_slice(app, lease, ending)
    except KeyboardInterrupt:
        try:
            leases.hand_back(app, lease)
        except LeaseLost:
            _log.info("lease_lost")
        raise


def _look(app: AppContext, run_id: int) -> RunView:
    with app.database.read() as session:
        return runs.view_progress(session, _load(session, run_id))


def _load(session: Session, run_id: int) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"Run {run_id} does not exist.", field="run")
    return run

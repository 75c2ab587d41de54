"""Runs as a page tells of them: how far, how fast, on what, and why objects failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from labeldock.contract.errors import NotFound
from labeldock.db.tables import Run, RunError, Storage
from labeldock.services import access, leases, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.run_samples import Sample, read_samples
from labeldock.services.runs import RunView

MOST_GROUPED: Final = 2_000
"""Errors of a run that are looked at to group them; there may be a million."""

_GROUPS: Final = 50
_KEYS: Final = 5
_GOOD: Final = ("completed", "completed_with_errors")


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run with what its page shows beside its own values.

    Attributes:
        run: the run, with what its parts have done so far.
        storage_title: what people call its storage; "" if it is about none.
        done: objects that it has dealt with.
        expected: about how many there will be; None if nothing tells.
        current_key: the last key dealt with.
        owner: the worker that has it now.
        requested_by: who asked for it.
        samples: how fast it went, as it was recorded on the way.
    """

    run: RunView
    storage_title: str
    done: int
    expected: int | None
    current_key: str | None
    owner: str
    requested_by: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list, with its storage's name."""

    run: RunView
    storage_title: str


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors of one cause: what to do about them, and some of the objects."""

    code: str
    message: str
    remedy: str | None
    count: int
    keys: tuple[str, ...]


def load_report(app: AppContext, principal: Principal, run_id: int) -> RunReport:
    """A run and how it stands; lost workers are noticed on the way.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    leases.reap_lost_runs(app)
    with app.database.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotFound(f"Run {run_id} does not exist.", field="run")
        runs.require_for_run(session, principal, run, Permission.VIEW)
        storage = session.get(Storage, run.storage_id) if run.storage_id else None
        view = runs.view_progress(session, run)
        asked = access.name_users(session, {run.requested_by_id or 0})
        after = run.checkpoint.get("after")
        return RunReport(
            run=view,
            storage_title=_name(storage.id, storage.title) if storage else "",
            done=count_done(view),
            expected=_expect(session, run, view),
            current_key=after if isinstance(after, str) else None,
            owner=run.lease_owner,
            requested_by=next((each.email for each in asked.values()), ""),
            samples=read_samples(run.samples),
        )


def count_done(run: RunView) -> int:
    """Objects that a run has dealt with: seen by an import, settled by an export."""
    counts = run.counts
    if "seen" in counts:
        return counts["seen"]
    return counts.get("delivered", 0) + counts.get("failed", 0)


def _expect(session: Session, run: Run, view: RunView) -> int | None:
    """An export counts what it will do; an import goes by its last run that ended."""
    if "total" in view.counts:
        return view.counts["total"]
    query = (
        select(Run.counts)
        .where(Run.storage_id == run.storage_id, Run.kind == run.kind)
        .where(col(Run.id) < run.id, col(Run.state).in_(_GOOD))
        .order_by(col(Run.id).desc())
        .limit(1)
    )
    before: Mapping[str, Any] | None = session.exec(query).first()
    return before.get("seen") if before else None


def list_lines(
    app: AppContext,
    principal: Principal,
    project_id: int,
    *,
    storage_id: int | None = None,
    before: int | None = None,
    limit: int = 30,
) -> list[RunLine]:
    """The runs of a project or of one of its storages, newest first.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    found = runs.list_runs(
        app, principal, project_id, storage_id=storage_id, before=before, limit=limit
    )
    numbers = {run.storage_id for run in found if run.storage_id}
    query = select(Storage.id, Storage.title).where(col(Storage.id).in_(numbers))
    with app.database.read() as session:
        titles = dict(session.exec(query).all())
    return [
        RunLine(run, _name(run.storage_id, titles.get(run.storage_id or 0)))
        for run in found
    ]


def _name(number: int | None, title: str | None) -> str:
    return title or (f"Storage {number}" if number else "")


def group_errors(
    app: AppContext, principal: Principal, run_id: int
) -> list[ErrorGroup]:
    """Why objects of a run failed, the most frequent cause first.

    Only the first `MOST_GROUPED` errors are looked at.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotFound(f"Run {run_id} does not exist.", field="run")
        runs.require_for_run(session, principal, run, Permission.VIEW)
        causes = _list_causes(session, run_id)
        return [_describe(session, run_id, cause) for cause in causes]


def _select_first(run_id: int) -> Any:  # a subquery of RunError
    return (
        select(RunError.id, RunError.code, RunError.remedy)
        .where(RunError.run_id == run_id)
        .order_by(col(RunError.id))
        .limit(MOST_GROUPED)
        .subquery()
    )


def _list_causes(session: Session, run_id: int) -> Sequence[Any]:
    first = _select_first(run_id)
    count = func.count()
    query = (
        select(first.c.code, first.c.remedy, count, func.max(first.c.id))
        .group_by(first.c.code, first.c.remedy)
        .order_by(count.desc(), first.c.code)
        .limit(_GROUPS)
    )
    return session.exec(query).all()


def _describe(session: Session, run_id: int, cause: Any) -> ErrorGroup:
    code, remedy, count, last_id = cause
    query = (
        select(RunError.key, RunError.message)
        .where(RunError.run_id == run_id, RunError.code == code)
        .where(col(RunError.remedy).is_not_distinct_from(remedy))
        .where(col(RunError.id) <= last_id)
        .order_by(col(RunError.id))
        .limit(_KEYS)
    )
    found = session.exec(query).all()
    keys = tuple(dict.fromkeys(key for key, _ in found))
    return ErrorGroup(code, found[0][1], remedy, count, keys)


def measure_seconds(run: RunView, now: datetime) -> float | None:
    """Seconds from a run's start to its end, or until now; None before its start."""
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())


def list_latencies(
    app: AppContext, principal: Principal, storage_id: int, *, limit: int = 20
) -> list[tuple[int, float]]:
    """Of the last runs of a storage, how long it took for a page, in milliseconds.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    query = (
        select(Run.id, Run.samples)
        .where(Run.storage_id == storage_id)
        .order_by(col(Run.id).desc())
        .limit(limit)
    )
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"There is no storage {storage_id}.", field="storage")
        access.require(session, principal, storage.project_id, Permission.VIEW)
        found = [(number, _find_latency(each)) for number, each in session.exec(query)]
    return [(number, latency) for number, latency in found if latency]


def _find_latency(samples: Sequence[Sequence[float]]) -> float:
    """The middle one of what was noted on the way."""
    noted = sorted(sample.latency for sample in read_samples(samples))
    known = [latency for latency in noted if latency]
    return known[len(known) // 2] if known else 0.0

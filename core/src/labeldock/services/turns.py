"""Whose turn it is: workers' time is shared out evenly among the teams that want it.

What is written down is how many seconds workers have spent on each team's runs. The
team that had least of it goes next; of its runs, the one that was served longest ago.
Nobody saves up: a team that was away is as if it had had all but `CREDIT` seconds of
what the team with most has had. So whoever brings little work is served at once, and
whoever brings much gets an equal share of what is left.

While another team waits that had less, a slice ends after `turn_seconds`, at its next
checkpoint; otherwise it lasts as long as ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, and_, case, func, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from labeldock.contract.values import Purpose
from labeldock.db.partitions import OPEN_PART_STATES, Part
from labeldock.db.tables import ACTIVE_RUN_STATES, Outbox, Project, Run, Storage
from labeldock.db.teams import TeamTurn
from labeldock.db.types import database_now
from labeldock.services import leases, parts
from labeldock.services.context import AppContext
from labeldock.services.exporting.wishes import due_conditions
from labeldock.services.leases import Lease
from labeldock.services.quotas import Limit, find_limits
from labeldock.services.quotas.limits import find_default
from labeldock.services.quotas.usage import measure

CREDIT: Final = 60.0
"""Seconds of service that a team can be behind at most, however long it was away."""
_LOOK_SECONDS: Final = 0.5
_TRIED: Final = 20
_TEAM: Final = func.coalesce(Run.organization_id, literal_column("0"))
Admission = Callable[[Connection], bool]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A team with work that could be done now.

    `used` is what it had of the workers' time, as far as it counts; `most` how many of
    its runs may be worked on at a time, 0 for any number.
    """

    team: int
    used: float
    most: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What teams have had of the workers' time, and have in hand at the moment."""

    used: Mapping[int, float]
    top: float
    held: Mapping[int, int]

    def weigh(self, team: int, in_hand: float) -> float:
        """How much counts for a team, with so many seconds for each run in hand."""
        used = max(self.used.get(team, 0.0), self.top - CREDIT)
        return used + in_hand * self.held.get(team, 0)


# Taking turns


def claim_next(
    app: AppContext,
    owner: str,
    kinds: Collection[str] | None = None,
    preferred: str = "",
) -> Lease | None:
    """Take the lease of what is to be done next; None if nothing can be.

    Args:
        app: the parts.
        owner: name of the worker, for people.
        kinds: of which kind the run has to be; None for any.
        preferred: of which kind it had better be, among the runs of one team.
    """
    for waiting in list_waiting(app, kinds):
        admit = _admit_for(app, waiting) if waiting.most else None
        for run_id in _list_runs(app, waiting.team, kinds, preferred):
            lease = leases.claim_run(app, owner, run_id, admit=admit)
            lease = lease or parts.claim_part(app, owner, run_id, admit=admit)
            if lease is not None:
                lease.is_limited = bool(waiting.most)
                lease.makes_way = Watch(app, lease).is_called
                return lease
    return None


def _admit_for(app: AppContext, waiting: Waiting) -> Admission:
    """What lets a team have one more run at a time, or not, within the claim."""

    def admit(connection: Connection) -> bool:
        _lock(app, connection, waiting.team)
        return measure(connection, waiting.team, Limit.RUNS) < waiting.most

    return admit


def list_waiting(
    app: AppContext, kinds: Collection[str] | None = None
) -> list[Waiting]:
    """The teams of which work could begin now; whoever had least comes first."""
    with app.database.read() as session:
        runs, parts_ = _select_due_runs(kinds, _TEAM), _select_due_parts(kinds, _TEAM)
        teams = set(session.execute(runs.distinct()).scalars())
        teams |= set(session.execute(parts_.distinct()).scalars())
        if not teams:
            return []
        ledger = _read_ledger(session, teams)
        limits = _read_limits(app, session.connection())
    in_hand = app.settings.turn_seconds
    found = [Waiting(t, ledger.weigh(t, in_hand), limits(t)) for t in teams]
    open_ = [w for w in found if not w.most or ledger.held.get(w.team, 0) < w.most]
    return sorted(open_, key=lambda waiting: (waiting.used, waiting.team))


def _read_limits(app: AppContext, connection: Connection) -> Callable[[int], int]:
    own = find_limits(connection, Limit.RUNS)
    usual = find_default(app.settings, Limit.RUNS)
    return lambda team: own.get(team, usual)


def _read_ledger(session: Session, teams: Collection[int]) -> Ledger:
    used = select(TeamTurn.organization_id, TeamTurn.used)
    rows = session.exec(used.where(col(TeamTurn.organization_id).in_(teams)))
    top = session.exec(select(func.max(TeamTurn.used))).one()
    return Ledger(dict(rows.all()), top or 0.0, _count_held(session))


def _count_held(session: Session) -> dict[int, int]:
    runs = (
        select(_TEAM, func.count())
        .where(col(Run.state).in_(ACTIVE_RUN_STATES), col(Run.lease_owner) != "")
        .group_by(_TEAM)
    )
    pieces = (
        select(_TEAM, func.count())
        .join(Part, col(Run.id) == col(Part.run_id))
        .where(col(Part.state) == "in_progress", col(Part.lease_owner) != "")
        .group_by(_TEAM)
    )
    held: dict[int, int] = {}
    for query in (runs, pieces):
        for team, count in session.exec(query):
            held[team] = held.get(team, 0) + count
    return held


def _select_due_runs(kinds: Collection[str] | None, *columns: Any) -> Any:
    query = select(*columns).where(
        col(Run.state).in_(ACTIVE_RUN_STATES),
        col(Run.lease_owner) == "",
        col(Run.due_at) <= database_now(),
    )
    return query if kinds is None else query.where(col(Run.kind).in_(kinds))


def _select_due_parts(kinds: Collection[str] | None, *columns: Any) -> Any:
    query = (
        select(*columns)
        .select_from(Part)
        .join(Run, col(Run.id) == col(Part.run_id))
        .where(*_part_is_due(), col(Run.state).in_(ACTIVE_RUN_STATES))
    )
    return query if kinds is None else query.where(col(Run.kind).in_(kinds))


def _part_is_due() -> tuple[ColumnElement[bool], ...]:
    return (
        col(Part.state).in_(OPEN_PART_STATES),
        col(Part.lease_owner) == "",
        col(Part.due_at) <= database_now(),
    )


def _list_runs(
    app: AppContext, team: int, kinds: Collection[str] | None, preferred: str
) -> list[int]:
    """Runs of a team with work to do, those first that were served longest ago.

    A run that is handed back is due from then on. Of a run in parts it is told by the
    parts, of which those in somebody's hands give a sign with every page.
    """
    own = _select_due_runs(kinds, col(Run.id), col(Run.kind), col(Run.due_at))
    is_other = col(Run.kind) != preferred
    own = own.where(team == _TEAM).order_by(is_other, col(Run.due_at), col(Run.id))
    last = func.max(func.coalesce(Part.last_ping_at, Part.due_at))
    is_due = func.max(case((and_(*_part_is_due()), 1), else_=0)) == 1
    shared = (
        select(col(Run.id), col(Run.kind), last)
        .join(Part, col(Run.id) == col(Part.run_id))
        .where(team == _TEAM, col(Run.state).in_(ACTIVE_RUN_STATES))
        .where(col(Part.state).in_(OPEN_PART_STATES))
        .group_by(col(Run.id), col(Run.kind))
        .having(is_due)
    )
    if kinds is not None:
        shared = shared.where(col(Run.kind).in_(kinds))
    with app.database.read() as session:
        rows = [tuple(row) for row in session.execute(own.limit(_TRIED))]
        rows += [tuple(row) for row in session.execute(shared)]
    rows.sort(key=lambda row: (row[1] != preferred, row[2]))
    return list(dict.fromkeys(row[0] for row in rows))


# Making way


class Watch:
    """Says when a slice has to end for the sake of another team."""

    def __init__(self, app: AppContext, lease: Lease) -> None:
        """Begin with the slice."""
        self._app, self._team = app, lease.organization_id
        self._began = self._looked = time.monotonic()

    def is_called(self) -> bool:
        """Whether somebody waits who had less; asked of the database now and then."""
        now = time.monotonic()
        turn = self._app.settings.turn_seconds
        if now - self._began < turn or now - self._looked < min(_LOOK_SECONDS, turn):
            return False
        self._looked = now
        return is_wanted(self._app, self._team, now - self._began - turn)


def is_wanted(app: AppContext, team: int, seconds: float) -> bool:
    """Whether another team waits that had less, after so many seconds beyond a turn."""
    others = {waiting.team for waiting in list_waiting(app)} - {team}
    with app.database.read() as session:
        others |= {each for _, each in _list_deliveries(session)} - {team}
        if not others:
            return False
        ledger = _read_ledger(session, {*others, team})
    in_hand = app.settings.turn_seconds
    mine = ledger.weigh(team, in_hand) + seconds
    return any(ledger.weigh(other, in_hand) < mine for other in others)


def charge(app: AppContext, team: int, seconds: float) -> None:
    """Note that a worker has spent so long on a team's work."""
    top = select(func.coalesce(func.max(TeamTurn.used), 0.0)).scalar_subquery()
    insert = sqlite.insert if app.database.is_sqlite else postgresql.insert
    behind = top - CREDIT
    added = insert(TeamTurn).values(
        organization_id=team, used=_larger(app, 0.0, behind) + seconds
    )
    used = _larger(app, col(TeamTurn.used), behind)
    query = added.on_conflict_do_update(
        index_elements=["organization_id"], set_={"used": used + seconds}
    )
    with app.database.write_connection() as connection:
        connection.execute(query)


def charge_quietly(app: AppContext, team: int, seconds: float) -> None:
    """The same, where a database that is away must not matter: it is made up for."""
    try:
        charge(app, team, seconds)
    except SQLAlchemyError:
        _log.warning("turn_not_noted", team=team, exc_info=True)


def _larger(app: AppContext, one: Any, other: Any) -> ColumnElement[float]:
    larger = func.max if app.database.is_sqlite else func.greatest
    return larger(one, other)


def _lock(app: AppContext, connection: Connection, team: int) -> None:
    """Let one claim of a team at a time count what is in hand."""
    insert = sqlite.insert if app.database.is_sqlite else postgresql.insert
    connection.execute(
        insert(TeamTurn)
        .values(organization_id=team, used=0.0)
        .on_conflict_do_nothing(index_elements=["organization_id"])
    )
    row = select(TeamTurn.organization_id).where(TeamTurn.organization_id == team)
    connection.execute(row.with_for_update())


# Deliveries


def choose_delivery(app: AppContext, storage_id: int) -> tuple[int, int]:
    """The export storage that is served next, and its team.

    That is the one given, unless another team with something to deliver had less.
    """
    with app.database.read() as session:
        due = _list_deliveries(session)
        teams = dict(due)
        ledger = _read_ledger(session, set(teams.values()))
    if not due:
        return storage_id, 0
    in_hand = app.settings.turn_seconds
    weights = {team: ledger.weigh(team, in_hand) for team in teams.values()}
    least = min(weights.values())
    if storage_id in teams and weights[teams[storage_id]] <= least:
        return storage_id, teams[storage_id]
    return next((s, team) for s, team in due if weights[team] <= least)


def _list_deliveries(session: Session) -> list[tuple[int, int]]:
    """Storages with something to deliver, and their teams.

    Each storage is asked for one row by the index, however many are waiting.
    """
    is_due = select(Outbox.id).where(Outbox.storage_id == Storage.id, *due_conditions())
    query = (
        select(Storage.id, Project.organization_id)
        .join(Project, col(Project.id) == col(Storage.project_id))
        .where(Storage.purpose == Purpose.EXPORT.value, is_due.exists())
        .order_by(col(Storage.id))
    )
    return [(row[0], row[1]) for row in session.exec(query)]

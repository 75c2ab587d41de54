"""Limits of a team as people see and change them, with what is used beside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlmodel import Session, col, delete, select

from labeldock.contract.errors import InvalidInput
from labeldock.db.accounts import Organization
from labeldock.db.tables import Run, Storage
from labeldock.db.teams import TeamLimit
from labeldock.services import access, runs
from labeldock.services.access import OrganizationRole, Principal
from labeldock.services.accounts.notes import note_organization
from labeldock.services.accounts.organizations import require_admin
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.quotas.limits import (
    Limit,
    find_default,
    find_limits,
    find_own,
)
from labeldock.services.quotas.rooms import QuotaExceeded
from labeldock.services.quotas.usage import measure
from labeldock.services.runs import RunView
from labeldock.services.scopes import Scope

_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit of a team, 0 for none; whether it is the default; and what is used."""

    name: Limit
    limit: int
    is_default: bool
    used: int


def list_limits(
    app: AppContext, principal: Principal | None, organization_id: int
) -> list[LimitView]:
    """All limits of a team, for its members; None is an operator at a terminal.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        if principal is None:
            _load(session, organization_id)
        else:
            access.require_scope(principal, Scope.READ)
            roles = tuple(OrganizationRole)
            access.require_organization(session, principal, organization_id, *roles)
        return _view(app, session.connection(), organization_id)


def change_limits(
    app: AppContext,
    principal: Principal | None,
    organization_id: int,
    changes: Mapping[str, int | None],
) -> list[LimitView]:
    """Set limits of a team: 0 is none, None the default of the settings.

    A limit below what is used takes nothing away, and lets nothing be added. Syncs that
    had stopped at one that was raised go on from where they were.

    Raises:
        NotFound: there is no such organisation.
        NotAllowed: the caller does not administer the installation.
        InvalidInput: there is no such limit, or the value is none.
    """
    if principal is not None:
        access.require_scope(principal, Scope.ADMIN)
        require_admin(principal)
    checked = {_check_name(name): _check(name, n) for name, n in changes.items()}

    def use_case(session: Session) -> tuple[list[LimitView], list[RunView]]:
        _load(session, organization_id, is_locked=True)
        before = find_own(session.connection(), organization_id)
        for limit, value in checked.items():
            _store(session, organization_id, limit, value)
        session.flush()
        after = find_own(session.connection(), organization_id)
        if before != after:
            details = {"before": before, "limits": after}
            action = Action.LIMITS_CHANGED
            note_organization(session, principal, action, organization_id, **details)
        views = _view(app, session.connection(), organization_id)
        return views, _resume(session, organization_id, views)

    views, resumed = app.database.transact(use_case)
    for run in resumed:
        app.bell.ring_run(run.id, run.kind)
    return views


def list_limited(app: AppContext) -> list[tuple[int, LimitView]]:
    """The limits that count, of all teams, for whoever watches the service."""
    with app.database.read() as session:
        connection = session.connection()
        teams = list(
            session.exec(select(Organization.id).order_by(col(Organization.id)))
        )
        own = {limit: find_limits(connection, limit) for limit in Limit}
        return [
            (team, _build(connection, team, limit, (most, team not in own[limit])))
            for team in teams
            for limit in Limit
            if (most := own[limit].get(team, find_default(app.settings, limit)))
        ]


def _build(
    connection: Connection, team: int, limit: Limit, value: tuple[int, bool]
) -> LimitView:
    most, is_default = value
    return LimitView(limit, most, is_default, measure(connection, team, limit))


def _view(app: AppContext, connection: Connection, team: int) -> list[LimitView]:
    own = find_own(connection, team)
    found = {n: own.get(n, find_default(app.settings, n)) for n in Limit}
    return [
        _build(connection, team, limit, (most, limit not in own))
        for limit, most in found.items()
    ]


def _load(session: Session, organization_id: int, *, is_locked: bool = False) -> None:
    query = select(Organization.id).where(Organization.id == organization_id)
    if is_locked:
        query = query.with_for_update(key_share=True)
    if session.exec(query).first() is None:
        raise access.no_such_organization(organization_id)


def _check_name(name: str) -> Limit:
    if name in set(Limit):
        return Limit(name)
    raise InvalidInput(
        f"There is no limit of {name!r}.",
        field=name,
        remedy=f"There are {', '.join(Limit)}.",
    )


def _check(name: str, value: int | None) -> int | None:
    if value is None or 0 <= value <= _LARGEST:
        return value
    raise InvalidInput(
        "A limit is 0 or more.", field=name, remedy="Give 0 for no limit."
    )


def _store(session: Session, team: int, limit: Limit, value: int | None) -> None:
    if value is None:
        session.execute(
            delete(TeamLimit)
            .where(col(TeamLimit.organization_id) == team)
            .where(col(TeamLimit.name) == limit.value)
        )
        return
    row = TeamLimit(organization_id=team, name=limit.value, value=value)
    session.merge(row)


def _resume(session: Session, team: int, views: list[LimitView]) -> list[RunView]:
    """Queue the syncs again that had stopped at a limit of which there is room now."""
    wide = {v.name.value for v in views if not v.limit or v.used < v.limit}
    stopped = (
        select(Run)
        .join(Storage, col(Storage.last_run_id) == col(Run.id))
        .where(Run.organization_id == team, Run.state == "failed")
        .order_by(col(Run.id))
    )
    found = []
    for run in session.exec(stopped).all():
        if _stopped_at(run) not in wide or run.storage_id is None:
            continue
        if runs.find_active(session, run.storage_id, run.kind) is None:
            runs.queue_again(session, run)
            found.append(runs.view_run(run))
    return found


def _stopped_at(run: Run) -> str | None:
    problem = run.problem or {}
    return problem.get("field") if problem.get("code") == QuotaExceeded.code else None

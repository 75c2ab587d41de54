"""The audit log as it is read: by whom, filtered, page by page, and purged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from sqlmodel import Session, col, delete, select

from labeldock.contract.errors import InvalidInput, NotAllowed
from labeldock.db.accounts import OrganizationMember
from labeldock.db.audit import AuditEvent
from labeldock.db.columns import utc_now
from labeldock.services import access, auditing
from labeldock.services.access import OrganizationRole, Permission, Principal
from labeldock.services.auditing import Action, Deed, Outcome
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope

MOST: Final = 1000  # entries in a page
_BATCH: Final = 5000  # rows that one statement of a purge removes


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as it is shown."""

    id: int
    created_at: datetime
    action: str
    outcome: str
    user_id: int | None
    user_email: str
    token_id: int | None
    channel: str
    address: str
    target_kind: str
    target_id: str
    organization_id: int | None
    project_id: int | None
    details: dict[str, Any]
    correlation_id: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; of what is None or empty, all.

    Args:
        action: `storage.create`, or `storage.` for all whose name begins so.
        outcome: `success`, `failure` or `refused`.
        user_id: who did it.
        project_id: in which project.
        organization_id: in which organisation.
        since: no earlier than this.
        until: earlier than this.
    """

    action: str = ""
    outcome: str = ""
    user_id: int | None = None
    project_id: int | None = None
    organization_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


_ALL: Final = AuditFilter()


def list_entries(
    app: AppContext,
    principal: Principal,
    chosen: AuditFilter,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Entries, newest first; `before` is the last id seen.

    An administrator sees all. An administrator of an organisation, and an owner of a
    project, see what was done in it when asking for it by its number.

    Raises:
        InvalidInput: there is no such action, or no such outcome.
        NotAllowed, NotFound: as they say.
    """
    _check_names(chosen)
    query = _narrow(select(AuditEvent), chosen)
    if before is not None:
        query = query.where(col(AuditEvent.id) < before)
    query = query.order_by(col(AuditEvent.id).desc()).limit(max(1, min(limit, MOST)))
    with app.database.read() as session:
        _require(session, principal, chosen)
        return [_view(row) for row in session.exec(query)]


def _check_names(chosen: AuditFilter) -> None:
    """A name that nothing has would find nothing, and look as if nothing was done."""
    if chosen.action and chosen.action not in _KNOWN:
        raise InvalidInput(
            f"There is no action {chosen.action[:40]!r}.",
            field="action",
            remedy=f"Use one of {', '.join(Action)}; or its first word with the dot.",
        )
    if chosen.outcome and chosen.outcome not in get_args(Outcome):
        raise InvalidInput(
            f"Nothing ends in {chosen.outcome[:40]!r}.",
            field="outcome",
            remedy=f"Use one of {', '.join(get_args(Outcome))}.",
        )


_KNOWN: Final = frozenset(Action) | {
    f"{action.partition('.')[0]}." for action in Action
}


def _require(session: Session, principal: Principal, chosen: AuditFilter) -> None:
    access.require_scope(principal, Scope.ADMIN)
    bound, organization = principal.token_organization_id, chosen.organization_id
    if principal.is_admin and bound in {None, organization}:
        return  # also where the project is gone
    if chosen.project_id is not None:
        access.require(session, principal, chosen.project_id, Permission.OWN)
        return
    if bound in {None, organization} and _leads(session, principal, organization):
        return
    raise NotAllowed(
        "You may not read this part of the audit log.",
        remedy="Ask for a project that you own, or an organisation that you lead, by "
        "its number.",
    )


def _leads(session: Session, principal: Principal, organization_id: int | None) -> bool:
    if organization_id is None:
        return False
    key = (organization_id, principal.user_id)
    member = session.get(OrganizationMember, key)
    return member is not None and member.role == OrganizationRole.ADMINISTRATOR


def _narrow(query: Any, chosen: AuditFilter) -> Any:  # selects of AuditEvent
    names = ("outcome", "user_id", "project_id", "organization_id")
    for name in names:
        value = getattr(chosen, name)
        if value not in {None, ""}:
            query = query.where(col(getattr(AuditEvent, name)) == value)
    if chosen.action.endswith("."):
        query = query.where(
            col(AuditEvent.action).startswith(chosen.action, autoescape=True)
        )
    elif chosen.action:
        query = query.where(AuditEvent.action == chosen.action)
    if chosen.since is not None:
        query = query.where(col(AuditEvent.created_at) >= chosen.since)
    if chosen.until is not None:
        query = query.where(col(AuditEvent.created_at) < chosen.until)
    return query


def purge_entries(app: AppContext, *, days: float | None = None) -> int:
    """Remove entries older than the operator keeps them; how many there were.

    In batches, so that nobody waits for long.

    Args:
        app: the parts.
        days: how many to keep; None: as the settings say, where 0 is for ever.
    """
    kept = app.settings.audit_keep_days if days is None else days
    if not kept:
        return 0
    end, removed = utc_now() - timedelta(days=kept), 0
    while True:
        with app.database.write() as session:
            old = select(AuditEvent.id).where(col(AuditEvent.created_at) < end)
            ids = list(session.exec(old.order_by(col(AuditEvent.id)).limit(_BATCH)))
            if ids:
                session.execute(delete(AuditEvent).where(col(AuditEvent.id).in_(ids)))
        removed += len(ids)
        if len(ids) < _BATCH:
            return removed


def purge_by_hand(
    app: AppContext, principal: Principal, *, days: float | None = None
) -> int:
    """The same on behalf of an administrator, which is an entry itself.

    Raises:
        NotAllowed: who asks is none.
    """
    with app.database.read() as session:
        _require(session, principal, _ALL)
    removed = purge_entries(app, days=days)
    deed = Deed(Action.AUDIT_PURGED, details={"removed": removed, "days": days})
    auditing.record_alone(app, principal, deed)
    return removed


def _view(row: AuditEvent) -> AuditEntry:
    return AuditEntry(**row.model_dump())

"""Who did what, from where: one function writes it down, with the change itself.

    with app.database.write() as session:
        ...
        auditing.record(
            session,
            principal,
            Deed(Action.STORAGE_DELETED, "storage", storage.id, project_id=project_id),
        )

Where a change has a transaction, it is recorded in it: neither is there without the
other. What changes nothing (a failed login, a download) takes `record_alone`. The
address comes from the request by itself; see `acting_from`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from sqlmodel import Session

from labeldock import telemetry
from labeldock.db.audit import AuditEvent
from labeldock.db.tables import Project
from labeldock.db.types import escape_text
from labeldock.services.access import Principal
from labeldock.services.context import AppContext

Outcome = Literal["success", "failure", "refused"]
_LONGEST_TEXT: Final = 500
_MOST_VALUES: Final = 50


class Action(StrEnum):
    """What can be done that is worth remembering; the value is what the API shows."""

    LOGIN = "user.login"
    LOGOUT = "user.logout"
    USER_CREATED = "user.create"
    USER_CHANGED = "user.change"
    USER_DEACTIVATED = "user.deactivate"
    USER_ACTIVATED = "user.activate"
    USER_DELETED = "user.delete"
    PASSWORD_CHANGED = "user.password"  # noqa: S105  names what was done
    PASSWORD_RESET_ASKED = "user.password_reset"  # noqa: S105  the same
    TOKEN_CREATED = "token.create"  # noqa: S105  the same
    TOKEN_REVOKED = "token.revoke"  # noqa: S105  the same
    ORGANIZATION_CREATED = "organization.create"
    ORGANIZATION_CHANGED = "organization.change"
    ORGANIZATION_DELETED = "organization.delete"
    LIMITS_CHANGED = "organization.limits"
    MEMBER_ADDED = "member.add"
    MEMBER_CHANGED = "member.change"
    MEMBER_REMOVED = "member.remove"
    INVITATION_CREATED = "invitation.create"
    INVITATION_REVOKED = "invitation.revoke"
    INVITATION_ACCEPTED = "invitation.accept"
    PROJECT_CREATED = "project.create"
    PROJECT_CHANGED = "project.change"
    PROJECT_DELETED = "project.delete"
    PROJECT_EXPORTED = "project.export"
    TASKS_DELETED = "task.delete"
    ANNOTATIONS_CREATED = "annotation.create"
    ANNOTATIONS_DELETED = "annotation.delete"
    PREDICTIONS_DELETED = "prediction.delete"
    STORAGE_CREATED = "storage.create"
    STORAGE_CHANGED = "storage.change"
    STORAGE_DELETED = "storage.delete"
    STORAGE_ATTACHED = "storage.attach"
    STORAGE_DETACHED = "storage.detach"
    SECRET_SET = "secret.set"  # noqa: S105  the same
    SECRETS_ROTATED = "secret.rotate"
    WEBHOOK_CREATED = "webhook.create"
    WEBHOOK_CHANGED = "webhook.change"
    WEBHOOK_DELETED = "webhook.delete"
    BACKUP_CREATED = "backup.create"
    BACKUP_DOWNLOADED = "backup.download"
    BACKUP_RESTORED = "backup.restore"
    MEDIA_SERVED = "media.serve"
    AUDIT_PURGED = "audit.purge"


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, and to what.

    Args:
        action: one of `Action`.
        kind: of what it was done to, e.g. `storage`.
        id: its number or name.
        project_id: where; the project's owners see the entry.
        organization_id: where; left out, that of the project.
        outcome: `success`, `failure` or `refused`.
        details: names of fields, roles, counts; never a secret. What looks like one is
            hidden, and long texts are cut.
    """

    action: Action
    kind: str = ""
    id: int | str = ""
    project_id: int | None = None
    organization_id: int | None = None
    outcome: Outcome = "success"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        address: of the client, empty where there is none.
        channel: `web`, `terminal` or `service` (workers and schedules).
    """

    address: str = ""
    channel: str = "service"


_SERVICE: Final = Origin()
_ORIGIN: Final[ContextVar[Origin]] = ContextVar("origin", default=_SERVICE)


@contextmanager
def acting_from(origin: Origin) -> Iterator[None]:
    """Everything recorded inside the block, in its threads too, comes from there."""
    token = _ORIGIN.set(origin)
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def find_origin() -> Origin:
    """Where what is being done now comes from."""
    return _ORIGIN.get()


def record(session: Session, principal: Principal | None, deed: Deed) -> None:
    """Write down what is being done in this transaction.

    Args:
        session: of the write scope that makes the change.
        principal: who does it; None if nobody is known.
        deed: what.
    """
    session.add(build_event(session, principal, deed))


def record_alone(app: AppContext, principal: Principal | None, deed: Deed) -> None:
    """Write down what changes nothing else, in a transaction of its own."""

    def use_case(session: Session) -> None:
        record(session, principal, deed)

    app.database.transact(use_case)


def build_event(
    session: Session, principal: Principal | None, deed: Deed
) -> AuditEvent:
    """The row for a deed; whoever takes it sees to its being saved."""
    origin = find_origin()
    return AuditEvent(
        action=deed.action.value,
        outcome=deed.outcome,
        user_id=principal.user_id if principal else None,
        user_email=principal.email if principal else "",
        token_id=getattr(principal, "token_id", None),
        channel=origin.channel,
        address=origin.address,
        target_kind=deed.kind,
        target_id=clip(str(deed.id)),
        organization_id=_find_organization(session, deed),
        project_id=deed.project_id,
        details=_clean(deed.details),
        correlation_id=telemetry.find_correlation_id(),
    )


def clip(text: str) -> str:
    """A text that every database holds and that fills no log."""
    return telemetry.hide_secrets(escape_text(text[:_LONGEST_TEXT]))


def _find_organization(session: Session, deed: Deed) -> int | None:
    if deed.organization_id is not None or deed.project_id is None:
        return deed.organization_id
    with session.no_autoflush:
        project = session.get(Project, deed.project_id)
    return getattr(project, "organization_id", None)


def _clean(details: Mapping[str, Any]) -> dict[str, Any]:
    cut = {clip(str(name)): _cut(value) for name, value in details.items()}
    return telemetry.hide_values(cut)


def _cut(value: Any) -> Any:  # what JSON knows; anything else becomes text
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {clip(str(k)): _cut(v) for k, v in list(value.items())[:_MOST_VALUES]}
    if isinstance(value, list | tuple | set | frozenset):
        ordered = (
            sorted(value, key=str) if isinstance(value, set | frozenset) else value
        )
        return [_cut(each) for each in list(ordered)[:_MOST_VALUES]]
    return clip(str(value))

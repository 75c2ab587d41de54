"""What the audit log is told of people."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from labeldock.services import auditing
from labeldock.services.access import Principal
from labeldock.services.auditing import Action, Deed


def note_user(
    session: Session,
    principal: Principal | None,
    action: Action,
    user_id: int,
    **details: Any,
) -> None:
    """Write down what was done to a user's account."""
    deed = Deed(action, "user", user_id, details=details)
    auditing.record(session, principal, deed)


def note_organization(
    session: Session,
    principal: Principal | None,
    action: Action,
    organization_id: int,
    **details: Any,
) -> None:
    """Write down what was done to an organisation, its members or invitations."""
    deed = Deed(
        action,
        "organization",
        organization_id,
        organization_id=organization_id,
        details=details,
    )
    auditing.record(session, principal, deed)


def note_project(
    session: Session,
    principal: Principal | None,
    action: Action,
    project_id: int,
    **details: Any,
) -> None:
    """Write down what was done to the members of a project."""
    deed = Deed(action, "project", project_id, project_id=project_id, details=details)
    auditing.record(session, principal, deed)

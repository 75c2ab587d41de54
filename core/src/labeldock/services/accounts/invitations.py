"""Invitations: links into an organisation, and into projects of it.

An invitation is for one address, or open to whoever has it. It expires, can be revoked,
and counts its uses; only its hash is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.accounts import Invitation
from labeldock.db.columns import utc_now
from labeldock.db.tables import Project
from labeldock.services import access
from labeldock.services.access import OrganizationRole, Principal, Role
from labeldock.services.accounts.links import hash_link, make_link_token
from labeldock.services.accounts.notes import note_organization
from labeldock.services.accounts.organizations import load_organization
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope

INVITATION_PATH: Final = "/user/invitation/"
DEFAULT_DAYS: Final = 7
MOST_DAYS: Final = 90
MOST_USES: Final = 10_000
MOST_PROJECTS: Final = 100
_HEAD: Final = OrganizationRole.ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class InvitationWish:
    """An invitation as somebody asks for it.

    Attributes:
        role: in the organisation.
        email: whom it is for; None for whoever has it.
        projects: role by the number of a project.
        days: how long it is good for.
        uses: how often it can be accepted; None without limit. One for an address.
    """

    role: OrganizationRole = OrganizationRole.MEMBER
    email: str | None = None
    projects: Mapping[int, str] | None = None
    days: int = DEFAULT_DAYS
    uses: int | None = 1


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as it is shown: all but what makes it work."""

    id: int
    organization_id: int
    email: str | None
    role: OrganizationRole
    projects: dict[int, str]
    uses: int
    uses_limit: int | None
    created_by_id: int | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it can be accepted."""
        is_used_up = self.uses_limit is not None and self.uses >= self.uses_limit
        is_over = self.expires_at <= utc_now() or self.revoked_at is not None
        return not is_used_up and not is_over


def read_wish(values: Mapping[str, Any]) -> InvitationWish:
    """What somebody asks for, checked.

    Raises:
        InvalidInput: a value cannot be used; names the field.
    """
    email = values.get("email") or None
    if email is not None:
        problems = access.check_address(email if isinstance(email, str) else "")
        if problems:
            raise InvalidInput("Nobody can be invited so.", problems=problems)
    uses = values.get("uses_limit", 1)
    return InvitationWish(
        role=access.parse_role(
            OrganizationRole, values.get("role") or OrganizationRole.MEMBER.value
        ),
        email=str(email).strip().lower() if email else None,
        projects=_read_projects(values.get("projects") or []),
        days=_read_number(values.get("expires_in_days"), "expires_in_days", MOST_DAYS)
        or DEFAULT_DAYS,
        uses=1 if email else _read_number(uses, "uses_limit", MOST_USES),
    )


def create_invitation(
    app: AppContext, principal: Principal, organization_id: int, wish: InvitationWish
) -> tuple[InvitationView, str]:
    """Make an invitation; its token is shown this once.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: a project is not one of the organisation's.
    """
    access.require_scope(principal, Scope.ADMIN)
    token = make_link_token()
    with app.database.write() as session:
        load_organization(session, principal, organization_id, _HEAD)
        projects = wish.projects or {}
        _check_projects(session, organization_id, projects)
        row = Invitation(
            organization_id=organization_id,
            token_hash=hash_link(token),
            email=wish.email,
            role=wish.role.value,
            projects={str(number): role for number, role in projects.items()},
            uses_limit=wish.uses,
            created_by_id=principal.user_id,
            expires_at=utc_now() + timedelta(days=wish.days),
        )
        session.add(row)
        session.flush()
        details = {"email": wish.email, "role": wish.role.value, "invitation": row.id}
        note_organization(
            session, principal, Action.INVITATION_CREATED, organization_id, **details
        )
        return view_invitation(row), token


def list_invitations(
    app: AppContext, principal: Principal, organization_id: int
) -> list[InvitationView]:
    """The invitations of an organisation, newest first, the used and revoked ones too.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    access.require_scope(principal, Scope.READ)
    query = select(Invitation).where(Invitation.organization_id == organization_id)
    with app.database.read() as session:
        load_organization(session, principal, organization_id, _HEAD)
        rows = session.exec(query.order_by(col(Invitation.id).desc()))
        return [view_invitation(row) for row in rows]


def revoke_invitation(
    app: AppContext, principal: Principal, organization_id: int, invitation_id: int
) -> None:
    """End an invitation; whoever accepted it stays.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    access.require_scope(principal, Scope.ADMIN)
    with app.database.write() as session:
        load_organization(session, principal, organization_id, _HEAD)
        row = session.get(Invitation, invitation_id)
        if row is None or row.organization_id != organization_id:
            raise NotFound(f"There is no invitation {invitation_id}.")
        row.revoked_at = row.revoked_at or utc_now()
        note_organization(
            session,
            principal,
            Action.INVITATION_REVOKED,
            organization_id,
            invitation=invitation_id,
        )


def replace_open_invitation(
    app: AppContext, principal: Principal
) -> tuple[InvitationView, str]:
    """An open invitation for members in the place of all others of the kind.

    It is for the caller's active organisation, as clients of Label Studio know it.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    access.require_scope(principal, Scope.ADMIN)
    with app.database.write() as session:
        home = access.find_active(session, principal) or 0
        load_organization(session, principal, home, _HEAD)
        query = select(Invitation).where(
            Invitation.organization_id == home,
            Invitation.role == OrganizationRole.MEMBER.value,
            col(Invitation.email).is_(None),
            col(Invitation.uses_limit).is_(None),
            col(Invitation.revoked_at).is_(None),
        )
        for row in session.exec(query):
            row.revoked_at = utc_now()
    wish = InvitationWish(days=MOST_DAYS, uses=None)
    return create_invitation(app, principal, home, wish)


def view_invitation(row: Invitation) -> InvitationView:
    """An invitation's row as plain values."""
    values = row.model_dump(include=set(InvitationView.__slots__))
    values["role"] = OrganizationRole(row.role)
    values["projects"] = {int(n): role for n, role in row.projects.items()}
    return InvitationView(**values)


def _check_projects(
    session: Session, organization_id: int, projects: Iterable[int]
) -> None:
    wanted = set(projects)
    query = select(Project.id).where(col(Project.id).in_(wanted))
    found = session.exec(query.where(Project.organization_id == organization_id)).all()
    if missing := wanted - set(found):
        raise InvalidInput(
            f"Project {min(missing)} is not one of the organization's.",
            field="projects",
        )


def _read_projects(value: Any) -> dict[int, str]:
    remedy = 'Give a list such as [{"project": 1, "role": "annotator"}].'
    wrong = InvalidInput("Not roles in projects.", field="projects", remedy=remedy)
    if not isinstance(value, list) or len(value) > MOST_PROJECTS:
        raise wrong
    roles: dict[int, str] = {}
    for each in value:
        number = each.get("project") if isinstance(each, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise wrong
        roles[number] = access.parse_role(Role, each.get("role")).value
    return roles


def _read_number(value: Any, field: str, most: int) -> int | None:
    if value is None:
        return None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= most:
        raise InvalidInput(
            "Not such a number.", field=field, remedy=f"Give 1 to {most}."
        )
    return int(value)

"""Organisations: teams that own projects and have members. The console says "team"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from labeldock.contract.errors import Conflict, InvalidInput, NotAllowed
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.columns import utc_now
from labeldock.db.tables import Project, User
from labeldock.db.types import escape_text
from labeldock.services import access
from labeldock.services.access import OrganizationRole, Principal
from labeldock.services.accounts.notes import note_organization
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope

_LONGEST_TITLE: Final = 100


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """An organisation as somebody sees it; `role` is theirs in it, if any."""

    id: int
    title: str
    role: OrganizationRole | None
    created_by_id: int | None
    created_at: datetime
    members: int
    projects: int


def list_organizations(app: AppContext, principal: Principal) -> list[OrganizationView]:
    """The organisations that somebody is in; an administrator sees all of them."""
    access.require_scope(principal, Scope.READ)
    query = _select_known(principal).order_by(col(Organization.id))
    with app.database.read() as session:
        return _view(session, principal, session.exec(query).all())


def get_organization(
    app: AppContext, principal: Principal, organization_id: int
) -> OrganizationView:
    """One organisation.

    Raises:
        NotFound: there is none, or it is not theirs to know of.
    """
    access.require_scope(principal, Scope.READ)
    with app.database.read() as session:
        row = load_organization(session, principal, organization_id, *OrganizationRole)
        return _view(session, principal, [row])[0]


def name_organizations(app: AppContext, principal: Principal) -> dict[int, str]:
    """The titles of the organisations that somebody knows, by their numbers."""
    with app.database.read() as session:
        return {row.id: row.title for row in session.exec(_select_known(principal))}


def create_organization(
    app: AppContext, principal: Principal, title: Any
) -> OrganizationView:
    """Add an organisation, with whoever makes it as its first administrator.

    Raises:
        NotAllowed: only administrators of the installation may.
        InvalidInput: the title cannot be used.
    """
    access.require_scope(principal, Scope.ADMIN)
    require_admin(principal)
    checked = _check_title(title)
    with app.database.write() as session:
        row = Organization(title=checked, created_by_id=principal.user_id)
        session.add(row)
        session.flush()
        role = OrganizationRole.ADMINISTRATOR.value
        head = OrganizationMember(
            organization_id=row.id, user_id=principal.user_id, role=role
        )
        session.add(head)
        note_organization(
            session, principal, Action.ORGANIZATION_CREATED, row.id, title=checked
        )
        session.flush()
        return _view(session, principal, [row])[0]


def rename_organization(
    app: AppContext, principal: Principal, organization_id: int, title: Any
) -> OrganizationView:
    """Give an organisation another title.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: the title cannot be used.
    """
    access.require_scope(principal, Scope.ADMIN)
    checked = _check_title(title)
    head = OrganizationRole.ADMINISTRATOR
    with app.database.write() as session:
        row = load_organization(session, principal, organization_id, head)
        row.title, row.updated_at = checked, utc_now()
        note_organization(
            session, principal, Action.ORGANIZATION_CHANGED, row.id, title=checked
        )
        session.flush()
        return _view(session, principal, [row])[0]


def delete_organization(
    app: AppContext, principal: Principal, organization_id: int
) -> None:
    """Remove an organisation that has no projects; its members stay users.

    Raises:
        NotFound, NotAllowed: as they say.
        Conflict: it has projects, or it is the only one.
    """
    access.require_scope(principal, Scope.ADMIN)

    def use_case(session: Session) -> None:
        load_organization(session, principal, organization_id)
        require_admin(principal)
        _refuse_last(session, organization_id)
        row = session.get_one(Organization, organization_id, with_for_update=True)
        note_organization(
            session, principal, Action.ORGANIZATION_DELETED, row.id, title=row.title
        )
        session.delete(row)

    app.database.transact(use_case)


def select_organization(
    app: AppContext, principal: Principal, organization_id: int
) -> None:
    """Make an organisation the one that the caller's new projects go to.

    Raises:
        NotFound: there is none, or it is not theirs to know of.
    """
    access.require_scope(principal, Scope.MANAGE)
    with app.database.write() as session:
        load_organization(session, principal, organization_id, *OrganizationRole)
        session.get_one(
            User, principal.user_id
        ).active_organization_id = organization_id


def load_organization(
    session: Session,
    principal: Principal,
    organization_id: int,
    *roles: OrganizationRole,
) -> Organization:
    """The row of an organisation, once it is clear that the caller may touch it."""
    access.require_organization(session, principal, organization_id, *roles)
    return session.get_one(Organization, organization_id)


def require_admin(principal: Principal) -> None:
    """Check that somebody administers the installation.

    Raises:
        NotAllowed: they do not, or their token is for one organisation alone.
    """
    if not principal.is_admin or principal.token_organization_id is not None:
        raise NotAllowed(
            "You do not have permission to perform this action.",
            remedy="Ask an administrator of the installation.",
        )


def _select_known(principal: Principal) -> Any:  # a select of Organization
    query = select(Organization)
    if principal.token_organization_id is not None:
        query = query.where(Organization.id == principal.token_organization_id)
    if principal.is_admin:
        return query
    mine = select(OrganizationMember.organization_id).where(
        OrganizationMember.user_id == principal.user_id
    )
    return query.where(col(Organization.id).in_(mine))


def _refuse_last(session: Session, organization_id: int) -> None:
    count = select(func.count()).select_from(Organization)
    if session.exec(count).one() == 1:
        raise Conflict("This is the only organization.", field="organization")
    owned = count_projects(session, [organization_id]).get(organization_id)
    if owned:
        raise Conflict(
            f"The organization has {owned} projects.",
            field="organization",
            remedy="Delete them first.",
        )


def count_projects(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """How many projects organisations have; those with none are left out."""
    number = func.count(col(Project.id))
    query = select(Project.organization_id, number).group_by(
        col(Project.organization_id)
    )
    return dict(session.exec(query.where(col(Project.organization_id).in_(ids))).all())


def _view(
    session: Session, principal: Principal, rows: Sequence[Organization]
) -> list[OrganizationView]:
    ids = [row.id for row in rows]
    theirs = col(OrganizationMember.organization_id)
    counts = select(theirs, func.count()).where(theirs.in_(ids)).group_by(theirs)
    members = dict(session.exec(counts).all())
    query = select(theirs, OrganizationMember.role).where(
        OrganizationMember.user_id == principal.user_id
    )
    roles = dict(session.exec(query).all())
    projects = count_projects(session, ids)
    return [
        OrganizationView(
            id=row.id,
            title=row.title,
            role=OrganizationRole(roles[row.id]) if row.id in roles else None,
            created_by_id=row.created_by_id,
            created_at=row.created_at,
            members=members.get(row.id, 0),
            projects=projects.get(row.id, 0),
        )
        for row in rows
    ]


def _check_title(title: Any) -> str:
    is_text = isinstance(title, str) and escape_text(title) == title
    if not is_text or not 1 <= len(title.strip()) <= _LONGEST_TITLE:
        raise InvalidInput(
            f"Needs 1 to {_LONGEST_TITLE} characters.",
            field="title",
            remedy="Give the team a name.",
        )
    return str(title).strip()

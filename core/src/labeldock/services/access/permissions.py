"""Whether somebody may do something in a project, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, bindparam
from sqlmodel import Session, and_, col, or_, select

from labeldock.contract.errors import NotAllowed, NotFound
from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Membership, Project
from labeldock.services.access.principals import Principal
from labeldock.services.access.roles import (
    GRANTS,
    SCOPES,
    OrganizationRole,
    Permission,
    Role,
)
from labeldock.services.scopes import Scope, refuse_beyond

_ALL: Final = frozenset(Permission)
_IS_WHOLE: Final = col(Project.restoring_run_id).is_(None)
"""A project that is still being restored is not there yet, for anybody."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to a project: each of these may permit something.

    Attributes:
        organization_id: whose project it is.
        role: in the project, if any.
        organization_role: in its organisation, if any.
        is_admin: of the whole installation.
    """

    organization_id: int
    role: Role | None
    organization_role: OrganizationRole | None
    is_admin: bool

    @property
    def owns_all(self) -> bool:
        """Whether they may do everything, whatever their role in the project."""
        is_head = self.organization_role is OrganizationRole.ADMINISTRATOR
        return self.is_admin or is_head

    @property
    def permissions(self) -> frozenset[Permission]:
        """What they may do. A role counts only within the organisation."""
        if self.owns_all:
            return _ALL
        if self.role is None or self.organization_role is None:
            return frozenset()
        return GRANTS[self.role]

    @property
    def knows(self) -> bool:
        """Whether they may know that the project exists."""
        is_inside = self.organization_role is OrganizationRole.MEMBER
        return is_inside or bool(self.permissions)


def require(
    session: Session,
    principal: Principal,
    project_id: int,
    permission: Permission,
    *,
    hidden: NotFound | None = None,
) -> Standing:
    """Check that somebody may do this in a project; one query.

    Args:
        session: to look it up with.
        principal: who.
        project_id: where.
        permission: what.
        hidden: what to raise where they may not know of the project; what is missing
            and what is somebody else's is answered alike.

    Raises:
        NotFound: there is no such project, or none that they may know of.
        NotAllowed: their role does not permit it, or their token is not made for it.
    """
    require_scope(principal, SCOPES[permission])
    standing = find_standing(session, principal, project_id)
    if standing is None or not standing.knows:
        raise hidden or no_such_project(project_id)
    if permission not in standing.permissions:
        raise NotAllowed(
            "You do not have permission to perform this action.",
            remedy=f"Ask an owner of project {project_id} for a role that includes "
            f"{permission.value}.",
        )
    return standing


def find_standing(
    session: Session, principal: Principal, project_id: int
) -> Standing | None:
    """What somebody is to a project; None if there is none, or not for their token."""
    asked = {"project_id": project_id, "user_id": principal.user_id}
    found = session.execute(_STANDING, asked).first()
    if found is None:
        return None
    organization_id, role, organization_role = found
    if principal.token_organization_id not in {None, organization_id}:
        return None
    return Standing(
        organization_id,
        Role(role) if role else None,
        OrganizationRole(organization_role) if organization_role else None,
        principal.is_admin,
    )


def _is_of(
    table: type[Membership | OrganizationMember], user_id: Any
) -> ColumnElement[bool]:
    """The condition that joins a user's row of a table to a project."""
    is_theirs = col(table.user_id) == user_id
    if table is Membership:
        return and_(col(Membership.project_id) == col(Project.id), is_theirs)
    column = col(OrganizationMember.organization_id)
    return and_(column == col(Project.organization_id), is_theirs)


# Made once, and of columns: it stands before every request and every picture.
_USER: Final[BindParameter[int]] = bindparam("user_id")
_STANDING: Final = (
    select(Project.organization_id, Membership.role, OrganizationMember.role)
    .join(Membership, _is_of(Membership, _USER), isouter=True)
    .join(OrganizationMember, _is_of(OrganizationMember, _USER), isouter=True)
    .where(col(Project.id) == bindparam("project_id"), _IS_WHOLE)
)


def select_known(principal: Principal) -> Any:  # a select of the numbers of projects
    """The projects that somebody sees; all of them for an administrator."""
    query = select(Project.id).where(_IS_WHOLE)
    if principal.token_organization_id is not None:
        query = query.where(Project.organization_id == principal.token_organization_id)
    if principal.is_admin:
        return query
    mine = principal.user_id
    query = query.join(OrganizationMember, _is_of(OrganizationMember, mine))
    query = query.join(Membership, _is_of(Membership, mine), isouter=True)
    is_head = OrganizationMember.role == OrganizationRole.ADMINISTRATOR
    return query.where(or_(is_head, col(Membership.role).is_not(None)))


def require_scope(principal: Principal, scope: Scope) -> None:
    """Check that somebody's token is made for this; for what is in no project.

    Raises:
        NotAllowed: it is not.
    """
    refuse_beyond(principal.scopes, scope)


def no_such_project(project_id: int) -> NotFound:
    """The error for a project that is not there."""
    return NotFound(f"Project {project_id} does not exist.", field="project")

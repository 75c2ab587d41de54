"""Who has which role in a project; somebody always owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from labeldock.contract.errors import Conflict, InvalidInput, NotAllowed, NotFound
from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Membership, Project, User
from labeldock.services import access
from labeldock.services.access import Permission, Principal, Role
from labeldock.services.accounts.handing_over import has_other_owner
from labeldock.services.accounts.notes import note_project
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.people import Person, view_person
from labeldock.services.scopes import Scope


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """A member of a project."""

    project_id: int
    person: Person
    role: Role
    is_active: bool


def list_project_members(
    app: AppContext,
    principal: Principal,
    project_id: int,
    *,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[ProjectMember], int]:
    """The members of a project, oldest account first, and how many there are.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        is_of = col(Membership.project_id) == project_id
        count = select(func.count()).select_from(Membership).where(is_of)
        page = _select(project_id).order_by(col(User.id)).offset(offset)
        rows = session.exec(page if limit is None else page.limit(limit))
        return [_view(*row) for row in rows], session.exec(count).one()


def get_project_member(
    app: AppContext, principal: Principal, project_id: int, user_id: int
) -> ProjectMember:
    """One member of a project.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        return _view(*_load(session, project_id, user_id))


def add_project_member(
    app: AppContext, principal: Principal, project_id: int, user_id: int, role: Any
) -> ProjectMember:
    """Give a member of the organisation a role in one of its projects.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: there is no such role, or they are not in the organisation.
        Conflict: they have a role already.
    """
    access.require_scope(principal, Scope.ADMIN)
    chosen = access.parse_role(Role, role)

    def use_case(session: Session) -> ProjectMember:
        standing = access.require(session, principal, project_id, Permission.MANAGE)
        _refuse_owning(standing, chosen)
        session.get(Project, project_id, with_for_update=True)
        if session.get(Membership, (project_id, user_id)):
            raise Conflict("They are a member already.", field="user")
        _require_inside(session, standing.organization_id, user_id)
        session.add(
            Membership(project_id=project_id, user_id=user_id, role=chosen.value)
        )
        note_project(
            session,
            principal,
            Action.MEMBER_ADDED,
            project_id,
            user=user_id,
            role=chosen.value,
        )
        session.flush()
        return _view(*_load(session, project_id, user_id))

    return app.database.transact(use_case)


def change_project_member(
    app: AppContext, principal: Principal, project_id: int, user_id: int, role: Any
) -> ProjectMember:
    """Give a member of a project another role.

    Raises:
        NotFound, NotAllowed: as they say; only owners make and unmake owners.
        InvalidInput: there is no such role.
        Conflict: they are the last owner.
    """
    access.require_scope(principal, Scope.ADMIN)
    chosen = access.parse_role(Role, role)

    def use_case(session: Session) -> ProjectMember:
        membership, user = _touch(session, principal, project_id, user_id, chosen)
        membership.role = chosen.value
        note_project(
            session,
            principal,
            Action.MEMBER_CHANGED,
            project_id,
            user=user_id,
            role=chosen.value,
        )
        return _view(membership, user)

    return app.database.transact(use_case)


def remove_project_member(
    app: AppContext, principal: Principal, project_id: int, user_id: int
) -> None:
    """Take somebody out of a project; anybody may go.

    Raises:
        NotFound, NotAllowed: as they say; only owners remove owners.
        Conflict: they are the last owner.
    """
    access.require_scope(principal, Scope.ADMIN)

    def use_case(session: Session) -> None:
        membership, _ = _touch(session, principal, project_id, user_id)
        session.delete(membership)
        note_project(
            session, principal, Action.MEMBER_REMOVED, project_id, user=user_id
        )

    app.database.transact(use_case)


def _touch(
    session: Session,
    principal: Principal,
    project_id: int,
    user_id: int,
    role: Role | None = None,
) -> tuple[Membership, User]:
    """The rows of a member whose role is to change, or end, once that is allowed."""
    goes = role is None and user_id == principal.user_id
    needed = Permission.VIEW if goes else Permission.MANAGE
    standing = access.require(session, principal, project_id, needed)
    session.get(Project, project_id, with_for_update=True)
    membership, user = _load(session, project_id, user_id)
    if not goes:
        _refuse_owning(standing, Role(membership.role))
    if role is not None:
        _refuse_owning(standing, role)
    is_loss = membership.role == Role.OWNER and role is not Role.OWNER
    if is_loss and not has_other_owner(session, project_id, user_id):
        raise Conflict(
            "They are the last owner of the project.",
            field="user",
            remedy="Make somebody else an owner first.",
        )
    return membership, user


def _refuse_owning(standing: access.Standing, role: Role) -> None:
    """A manager has no say in who owns a project."""
    if role is Role.OWNER and Permission.OWN not in standing.permissions:
        raise NotAllowed(
            "Only owners may make and remove owners.",
            remedy="Ask an owner of the project.",
        )


def _require_inside(session: Session, organization_id: int, user_id: int) -> None:
    query = (
        select(OrganizationMember.role)
        .join(User, col(User.id) == col(OrganizationMember.user_id))
        .where(OrganizationMember.organization_id == organization_id)
        .where(OrganizationMember.user_id == user_id, User.is_active)
    )
    if session.exec(query).first() is None:
        raise InvalidInput(
            f"There is no user {user_id} in the project's organization.",
            field="user",
            remedy="Invite them to the organization first.",
        )


def _select(project_id: int) -> Any:  # a select of memberships and users
    return (
        select(Membership, User)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(Membership.project_id == project_id)
    )


def _load(session: Session, project_id: int, user_id: int) -> tuple[Membership, User]:
    found = session.exec(_select(project_id).where(User.id == user_id)).first()
    if found is None:
        raise NotFound(f"There is no member {user_id}.", field="user")
    membership, user = found
    return membership, user


def _view(membership: Membership, user: User) -> ProjectMember:
    return ProjectMember(
        project_id=membership.project_id,
        person=view_person(user),
        role=Role(membership.role),
        is_active=user.is_active,
    )

"""Who is in an organisation, and as what; there is always an administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, func, select, update

from labeldock.contract.errors import Conflict, NotFound
from labeldock.db.accounts import Invitation, Organization, OrganizationMember
from labeldock.db.columns import utc_now
from labeldock.db.tables import Membership, Project, User
from labeldock.services import access
from labeldock.services.access import OrganizationRole, Principal
from labeldock.services.accounts.handing_over import hand_over
from labeldock.services.accounts.notes import note_organization
from labeldock.services.accounts.organizations import load_organization, require_admin
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.people import Person, view_person
from labeldock.services.quotas import Limit, require_room
from labeldock.services.scopes import Scope

_HEAD = OrganizationRole.ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member of an organisation."""

    organization_id: int
    person: Person
    role: OrganizationRole
    is_active: bool
    joined_at: datetime


def list_members(
    app: AppContext,
    principal: Principal,
    organization_id: int,
    *,
    offset: int = 0,
    limit: int = 30,
) -> tuple[list[MemberView], int]:
    """One page of the members, oldest account first, and how many there are.

    Raises:
        NotFound: there is no such organisation, or it is not theirs to know of.
        NotAllowed: a guest asks.
    """
    access.require_scope(principal, Scope.READ)
    with app.database.read() as session:
        load_organization(session, principal, organization_id, *access.MAKERS)
        query = _select(organization_id)
        total = session.exec(
            select(func.count())
            .select_from(OrganizationMember)
            .where(OrganizationMember.organization_id == organization_id)
        ).one()
        page = query.order_by(col(User.id)).offset(offset).limit(limit)
        return [_view(*row) for row in session.exec(page)], total


def get_member(
    app: AppContext, principal: Principal, organization_id: int, user_id: int
) -> MemberView:
    """One member.

    Raises:
        NotFound: there is no such member, or none that is theirs to know of.
    """
    access.require_scope(principal, Scope.READ)
    with app.database.read() as session:
        load_organization(session, principal, organization_id, *access.MAKERS)
        return _view(*_load(session, organization_id, user_id))


def add_member(
    app: AppContext, principal: Principal, organization_id: int, user_id: int, role: Any
) -> MemberView:
    """Put a user into an organisation; others than administrators invite them.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: there is no such role.
        Conflict: they are in it already.
        QuotaExceeded: the team may not have more members.
    """
    access.require_scope(principal, Scope.ADMIN)
    chosen = access.parse_role(OrganizationRole, role)
    with app.database.write() as session:
        load_organization(session, principal, organization_id, _HEAD)
        require_admin(principal)
        lock_organization(session, organization_id)
        user = session.get(User, user_id)
        if user is None or not user.is_active:
            raise NotFound(f"There is no user {user_id}.", field="user")
        if session.get(OrganizationMember, (organization_id, user_id)):
            raise Conflict("They are a member already.", field="user")
        require_room(app, session.connection(), organization_id, Limit.MEMBERS)
        insert_member(session, organization_id, user, chosen)
        note_organization(
            session,
            principal,
            Action.MEMBER_ADDED,
            organization_id,
            user=user_id,
            role=chosen.value,
        )
        session.flush()
        return _view(*_load(session, organization_id, user_id))


def change_member(
    app: AppContext, principal: Principal, organization_id: int, user_id: int, role: Any
) -> MemberView:
    """Give a member another role.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: there is no such role.
        Conflict: they are the last administrator.
    """
    access.require_scope(principal, Scope.ADMIN)
    chosen = access.parse_role(OrganizationRole, role)

    def use_case(session: Session) -> MemberView:
        load_organization(session, principal, organization_id, _HEAD)
        lock_organization(session, organization_id)
        member, _ = found = _load(session, organization_id, user_id)
        if chosen is not _HEAD and member.role == _HEAD:
            refuse_last_head(session, organization_id, user_id)
            revoke_invitations(session, user_id, organization_id)
        member.role = chosen.value
        note_organization(
            session,
            principal,
            Action.MEMBER_CHANGED,
            organization_id,
            user=user_id,
            role=chosen.value,
        )
        return _view(*found)

    return app.database.transact(use_case)


def remove_member(
    app: AppContext, principal: Principal, organization_id: int, user_id: int
) -> None:
    """Take somebody out of an organisation and all of its projects; anybody may go.

    Where they were a project's only owner, the administrators become owners.

    Raises:
        NotFound, NotAllowed: as they say.
        Conflict: they are the last administrator.
    """
    access.require_scope(principal, Scope.ADMIN)
    is_self = user_id == principal.user_id

    def use_case(session: Session) -> None:
        roles = tuple(OrganizationRole) if is_self else (_HEAD,)
        load_organization(session, principal, organization_id, *roles)
        lock_organization(session, organization_id)
        member, user = _load(session, organization_id, user_id)
        if member.role == _HEAD:
            refuse_last_head(session, organization_id, user_id)
        hand_over(session, user_id, organization_id)
        leave(session, user, member)
        note_organization(
            session, principal, Action.MEMBER_REMOVED, organization_id, user=user_id
        )

    app.database.transact(use_case)


def leave(session: Session, user: User, member: OrganizationMember) -> None:
    """Take a member's rows out of an organisation and its projects."""
    organization_id = member.organization_id
    inside = select(Project.id).where(Project.organization_id == organization_id)
    session.execute(
        delete(Membership)
        .where(col(Membership.user_id) == user.id)
        .where(col(Membership.project_id).in_(inside))
    )
    revoke_invitations(session, user.id, organization_id)
    session.delete(member)
    session.flush()
    if user.active_organization_id == organization_id:
        others = select(OrganizationMember.organization_id).where(
            OrganizationMember.user_id == user.id
        )
        user.active_organization_id = session.exec(others).first()


def insert_member(
    session: Session, organization_id: int, user: User, role: OrganizationRole
) -> None:
    """Add a member; their first organisation becomes their active one."""
    session.add(
        OrganizationMember(
            organization_id=organization_id, user_id=user.id, role=role.value
        )
    )
    if user.active_organization_id is None:
        user.active_organization_id = organization_id


def lock_organization(session: Session, organization_id: int) -> None:
    """Keep others from changing the members until the transaction has ended."""
    session.get(Organization, organization_id, with_for_update=True)


def refuse_last_head(session: Session, organization_id: int, user_id: int) -> None:
    """Check that somebody else administers an organisation, too.

    Raises:
        Conflict: nobody does.
    """
    others = (
        select(OrganizationMember.user_id)
        .join(User, col(User.id) == col(OrganizationMember.user_id))
        .where(OrganizationMember.organization_id == organization_id)
        .where(OrganizationMember.role == _HEAD.value, User.is_active)
        .where(OrganizationMember.user_id != user_id)
    )
    if session.exec(others).first() is None:
        raise Conflict(
            "They are the last administrator of the organization.",
            field="user",
            remedy="Make somebody else an administrator first.",
        )


def revoke_invitations(
    session: Session, user_id: int, organization_id: int | None = None
) -> None:
    """End the invitations that somebody made who may not invite any more."""
    revoked = (
        update(Invitation)
        .where(col(Invitation.created_by_id) == user_id)
        .where(col(Invitation.revoked_at).is_(None))
    )
    if organization_id is not None:
        revoked = revoked.where(col(Invitation.organization_id) == organization_id)
    session.execute(revoked.values(revoked_at=utc_now()))


def _select(organization_id: int) -> Any:  # a select of members and users
    return (
        select(OrganizationMember, User)
        .join(User, col(User.id) == col(OrganizationMember.user_id))
        .where(OrganizationMember.organization_id == organization_id)
    )


def _load(
    session: Session, organization_id: int, user_id: int
) -> tuple[OrganizationMember, User]:
    query = _select(organization_id).where(User.id == user_id)
    found = session.exec(query).first()
    if found is None:
        raise NotFound(f"There is no member {user_id}.", field="user")
    member, user = found
    return member, user


def _view(member: OrganizationMember, user: User) -> MemberView:
    return MemberView(
        organization_id=member.organization_id,
        person=view_person(user),
        role=OrganizationRole(member.role),
        is_active=user.is_active,
        joined_at=member.created_at,
    )

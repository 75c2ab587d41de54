"""Who may decide about somebody's account: not about a project, but about the login."""

from __future__ import annotations

from sqlmodel import Session, col, select

from labeldock.contract.errors import Conflict, NotAllowed, NotFound
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.tables import User
from labeldock.services import access
from labeldock.services.access import OrganizationRole, Principal
from labeldock.services.people import select_visible
from labeldock.services.scopes import Scope


def load_controlled(
    session: Session, principal: Principal | None, user_id: int
) -> User:
    """The row of a user about whose account the caller may decide.

    That is anybody for an administrator of the installation, and for who administers
    every organisation that the user is in. Otherwise the head of one team could log in
    as a member of another. None is whoever sits at the terminal.

    Raises:
        NotFound: there is no such user, or none that the caller may know of.
        NotAllowed: it is not theirs to decide.
    """
    user = session.get(User, user_id)
    missing = NotFound(f"There is no user {user_id}.", field="user")
    if user is None or user.deleted_at is not None:
        raise missing
    if principal is None:
        return user
    access.require_scope(principal, Scope.ADMIN)
    is_bound = principal.token_organization_id is not None
    if principal.is_admin and not is_bound:
        return user
    if not user.is_admin and not is_bound and _heads_all(session, principal, user_id):
        return user
    known = select_visible(principal).where(User.id == user_id)
    if session.exec(known).first() is None:
        raise missing
    raise NotAllowed(
        "You do not have permission to perform this action.",
        remedy="Ask an administrator of the installation.",
    )


def _heads_all(session: Session, principal: Principal, user_id: int) -> bool:
    """Whether somebody administers all organisations of a user, and there is one."""
    theirs = list_organization_ids(session, user_id)
    headed = session.exec(
        select(OrganizationMember.organization_id)
        .where(OrganizationMember.user_id == principal.user_id)
        .where(OrganizationMember.role == OrganizationRole.ADMINISTRATOR.value)
    ).all()
    return bool(theirs) and set(theirs) <= set(headed)


def list_organization_ids(session: Session, user_id: int) -> list[int]:
    """The organisations that a user is in."""
    query = select(OrganizationMember.organization_id).where(
        OrganizationMember.user_id == user_id
    )
    ids = session.exec(query.order_by(col(OrganizationMember.organization_id)))
    return list(ids)


def refuse_last_admin(session: Session, user: User) -> None:
    """Check that the installation keeps an administrator.

    Raises:
        Conflict: it would not.
    """
    if not user.is_admin:
        return
    # Whoever does this at the same time waits here; the first organisation stands in.
    first = access.find_first_organization(session)
    session.get(Organization, first, with_for_update=True)
    others = select(User.id).where(User.is_admin, User.is_active, User.id != user.id)
    if session.exec(others).first() is None:
        raise Conflict(
            f"{user.email} is the last administrator of the installation.",
            field="user",
            remedy="Make another one first: labeldock user create --admin --email ...",
        )

"""Users as others see them: an administrator all, anybody else those they work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import col, or_, select

from labeldock.contract.errors import NotFound
from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Annotation, Membership, User
from labeldock.services import access
from labeldock.services.access import MAKERS, Permission, Principal
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Person:
    """A user; nothing that others need not know."""

    id: int
    email: str
    first_name: str
    last_name: str
    avatar: str
    is_admin: bool
    active_organization_id: int | None
    created_at: datetime
    last_activity: datetime | None


def list_people(app: AppContext, principal: Principal) -> list[Person]:
    """The active users that somebody may know of, oldest first."""
    with app.database.read() as session:
        query = select_visible(principal).order_by(col(User.id))
        return [view_person(user) for user in session.exec(query)]


def list_annotators(
    app: AppContext, principal: Principal, project_id: int
) -> list[Person]:
    """Those whose annotations a project has, oldest user first.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        authors = select(Annotation.completed_by_id).where(
            Annotation.project_id == project_id
        )
        query = select(User).where(col(User.id).in_(authors)).order_by(col(User.id))
        return [view_person(user) for user in session.exec(query)]


def get_person(app: AppContext, principal: Principal, user_id: int) -> Person:
    """One of them.

    Raises:
        NotFound: there is no such user, or none that may be known of.
    """
    with app.database.read() as session:
        found = session.exec(select_visible(principal).where(User.id == user_id))
        user = found.first()
        if user is None:
            raise NotFound(f"There is no user {user_id}.", field="user")
        return view_person(user)


def get_self(app: AppContext, principal: Principal) -> Person:
    """Who asks.

    Raises:
        NotFound: they were removed meanwhile.
    """
    with app.database.read() as session:
        user = session.get(User, principal.user_id)
        if user is None:
            raise NotFound(f"There is no user {principal.user_id}.", field="user")
        return view_person(user)


def select_visible(principal: Principal) -> Any:  # a select of User
    """Oneself, and whom one meets: in an organisation, or as its guest in projects."""
    query = select(User).where(col(User.is_active))
    if principal.token_organization_id is not None:
        mates = _select_members(
            col(OrganizationMember.organization_id).in_(
                [principal.token_organization_id]
            )
        )
        query = query.where(col(User.id).in_(mates))
    if principal.is_admin:
        return query
    homes = (
        select(OrganizationMember.organization_id)
        .where(OrganizationMember.user_id == principal.user_id)
        .where(col(OrganizationMember.role).in_(MAKERS))
    )
    mates = _select_members(col(OrganizationMember.organization_id).in_(homes))
    known = access.select_known(principal)
    colleagues = select(Membership.user_id).where(col(Membership.project_id).in_(known))
    is_self = User.id == principal.user_id
    is_met = or_(col(User.id).in_(mates), col(User.id).in_(colleagues))
    return query.where(or_(is_self, is_met))


def _select_members(condition: Any) -> Any:  # on, and of, members
    return select(OrganizationMember.user_id).where(condition)


def view_person(user: User) -> Person:
    """A user's row as others see it."""
    return Person(**user.model_dump(include=_SHOWN))


_SHOWN: Final = set(Person.__slots__)

"""Users as others see them: an administrator all, anybody else those they work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import col, or_, select

from labeldock.contract.errors import NotFound
from labeldock.db.tables import Membership, User
from labeldock.services.access import Principal
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Person:
    """A user; nothing that others need not know."""

    id: int
    email: str
    first_name: str
    last_name: str
    is_admin: bool
    created_at: datetime
    last_activity: datetime | None


def list_people(app: AppContext, principal: Principal) -> list[Person]:
    """The active users that somebody may know of, oldest first."""
    with app.database.read() as session:
        query = _select_visible(principal).order_by(col(User.id))
        return [_view(user) for user in session.exec(query)]


def get_person(app: AppContext, principal: Principal, user_id: int) -> Person:
    """One of them.

    Raises:
        NotFound: there is no such user, or none that may be known of.
    """
    with app.database.read() as session:
        found = session.exec(_select_visible(principal).where(User.id == user_id))
        user = found.first()
        if user is None:
            raise NotFound(f"There is no user {user_id}.", field="user")
        return _view(user)


def _select_visible(principal: Principal) -> Any:  # a select of User
    query = select(User).where(col(User.is_active))
    if principal.is_admin:
        return query
    own = select(Membership.project_id).where(Membership.user_id == principal.user_id)
    colleagues = select(Membership.user_id).where(col(Membership.project_id).in_(own))
    is_self = User.id == principal.user_id
    return query.where(or_(is_self, col(User.id).in_(colleagues)))


def _view(user: User) -> Person:
    return Person(**user.model_dump(include=_SHOWN))


_SHOWN: Final = set(Person.__slots__)

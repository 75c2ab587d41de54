"""Users: found, made, and how others see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
)
from labeldock.contract.values import Problem
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.tables import User
from labeldock.services.access.passwords import check_password, hash_password
from labeldock.services.access.principals import Principal, build_principal
from labeldock.services.access.roles import OrganizationRole
from labeldock.services.context import AppContext

LONGEST_ADDRESS: Final = 254  # RFC 5321


def create_user(
    app: AppContext, email: str, password: str, *, is_admin: bool = False
) -> Principal:
    """Add somebody who can log in.

    Raises:
        InvalidInput: the address or the password cannot be used.
        Conflict: the address is taken.
    """
    problems = check_address(email) + check_password(password)
    if problems:
        raise InvalidInput("This user cannot be created.", problems=problems)
    new = NewUser(email, hash_password(password), is_admin=is_admin)
    with refuse_taken(new.address), app.database.write() as session:
        role = OrganizationRole.ADMINISTRATOR if is_admin else OrganizationRole.MEMBER
        home = find_first_organization(session)
        return build_principal(insert_user(session, new, home, role))


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody to be added; without a password they come in by a link, or OpenID."""

    email: str
    password_hash: str = ""
    first_name: str = ""
    last_name: str = ""
    is_admin: bool = False
    email_confirmed: bool = True

    @property
    def address(self) -> str:
        """The address as it is kept."""
        return self.email.strip().lower()


def insert_user(
    session: Session, new: NewUser, organization_id: int, role: OrganizationRole
) -> User:
    """Add a user to the organisation that they begin in.

    Raises:
        IntegrityError: the address is taken; see `refuse_taken`.
    """
    user = User(
        email=new.address,
        password_hash=new.password_hash,
        first_name=new.first_name,
        last_name=new.last_name,
        is_admin=new.is_admin,
        email_confirmed=new.email_confirmed,
        active_organization_id=organization_id,
    )
    session.add(user)
    session.flush()
    session.add(
        OrganizationMember(
            organization_id=organization_id, user_id=user.id, role=role.value
        )
    )
    session.flush()
    return user


@contextmanager
def refuse_taken(address: str) -> Iterator[None]:
    """Around a write scope: tell of an address that somebody has already.

    Raises:
        Conflict: it is taken.
    """
    try:
        yield
    except IntegrityError as error:  # the address is unique
        if "email" not in str(error.orig):
            raise
        raise Conflict(
            f"There is a user {address} already.",
            field="email",
            remedy="Give another address.",
        ) from None


def find_first_organization(session: Session) -> int:
    """The oldest organisation, which people belong to if nothing else is said."""
    return session.exec(select(func.min(col(Organization.id)))).one()


def change_password(app: AppContext, email: str, password: str) -> Principal:
    """Give an active user another password, which ends their sessions.

    Raises:
        InvalidInput: the password cannot be used.
        NotFound: nobody has this address.
    """
    principal = find_user(app, email)
    if problems := check_password(password):
        raise InvalidInput("This password cannot be used.", problems=problems)
    hashed = hash_password(password)
    with app.database.write() as session:
        user = session.get_one(User, principal.user_id)
        user.password_hash = hashed
    return principal


def check_address(email: str) -> list[Problem]:
    """What is wrong with an e-mail address."""
    address = email.strip()
    local, _, domain = address.partition("@")
    is_short = len(address) <= LONGEST_ADDRESS
    is_clean = address.isprintable() and not any(c.isspace() for c in address)
    if local and domain and is_short and is_clean:
        return []
    return [Problem("email", "Not an e-mail address.", "Give name@host.")]


def count_users(app: AppContext) -> int:
    """How many users there are."""
    with app.database.read() as session:
        return session.exec(select(func.count(col(User.id)))).one()


def find_user(app: AppContext, email: str) -> Principal:
    """An active user by address.

    Raises:
        NotFound: nobody has it.
    """
    with app.database.read() as session:
        query = select(User).where(User.email == email.strip().lower(), User.is_active)
        user = session.exec(query).first()
        if user is None:
            raise NotFound(
                f"There is no user {email}.",
                field="email",
                remedy="Create one with: labeldock user create --email ...",
            )
        return build_principal(user)


def find_operator(app: AppContext) -> Principal:
    """The user that commands at a terminal act as: the oldest active administrator.

    Raises:
        NotFound: there is none.
    """
    query = select(User).where(User.is_admin, User.is_active)
    # One who never logged in comes last: the first start makes one before anybody is.
    query = query.order_by(col(User.password_hash) == "", col(User.id))
    with app.database.read() as session:
        user = session.exec(query.limit(1)).first()
        if user is None:
            raise NotFound(
                "There is no administrator yet.",
                field="user",
                remedy="Create one with: labeldock user create --admin --email ...",
            )
        return build_principal(user)


def load_user(app: AppContext, user_id: int) -> Principal:
    """An active user by number, as a token that is signed names them.

    Raises:
        NotAuthenticated: there is none.
    """
    with app.database.read() as session:
        user = session.get(User, user_id)
        if user is None or not user.is_active:
            raise NotAuthenticated("Authentication credentials were not provided.")
        return build_principal(user)


@dataclass(frozen=True, slots=True)
class UserName:
    """How others see a user."""

    id: int
    email: str
    first_name: str
    last_name: str
    avatar: str = ""


def load_user_names(app: AppContext, user_ids: set[int]) -> dict[int, UserName]:
    """The names of some users, in a scope of its own."""
    with app.database.read() as session:
        return name_users(session, user_ids)


def name_users(session: Session, user_ids: set[int]) -> dict[int, UserName]:
    """The names of some users, for showing who did something."""
    if not user_ids:
        return {}
    query = select(User).where(col(User.id).in_(user_ids))
    return {
        u.id: UserName(u.id, u.email, u.first_name, u.last_name, u.avatar)
        for u in session.exec(query)
    }

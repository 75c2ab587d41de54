"""Who asks, and what they may do: users, tokens, roles, permissions."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select, update

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
)
from labeldock.contract.values import Problem
from labeldock.db.tables import Membership, Project, Token, User, utc_now
from labeldock.services.context import AppContext

_HASHER: Final = PasswordHasher()  # argon2id with the RFC 9106 low-memory parameters
# Each takes 64 MiB and a processor; more at once would only be slower.
_FEW_AT_ONCE: Final = threading.BoundedSemaphore(4)
_TOKEN_BYTES: Final = 20  # 40 hex digits, the length that clients know
_STAMP_DIGITS: Final = 32  # 128 bits
_ACTIVITY_STEP: Final = timedelta(minutes=1)


class Role(StrEnum):
    """What somebody is in a project."""

    OWNER = "owner"
    MANAGER = "manager"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a route or command needs."""

    VIEW = "project.view"
    ANNOTATE = "annotation.create"
    MANAGE = "project.change"
    OWN = "project.delete"


_GRANTS: Final = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.ANNOTATOR: frozenset({Permission.VIEW, Permission.ANNOTATE}),
    Role.MANAGER: frozenset({Permission.VIEW, Permission.ANNOTATE, Permission.MANAGE}),
    Role.OWNER: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The user on whose behalf something is done."""

    user_id: int
    email: str
    is_admin: bool = False
    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who gave the right password, and the stamp of sessions from now on."""

    principal: Principal
    stamp: str


def require(
    session: Session, principal: Principal, project_id: int, permission: Permission
) -> None:
    """Check that somebody may do this in a project.

    Raises:
        NotFound: there is no such project.
        NotAllowed: their role does not permit it.
    """
    if principal.is_admin:
        if session.get(Project, project_id) is None:
            raise no_such_project(project_id)
        return
    membership = session.get(Membership, (project_id, principal.user_id))
    if membership and permission in _GRANTS[Role(membership.role)]:
        return
    if session.get(Project, project_id) is None:
        raise no_such_project(project_id)
    raise NotAllowed(
        "You do not have permission to perform this action.",
        remedy=f"Ask an owner of project {project_id} for a role that includes "
        f"{permission.value}.",
    )


def no_such_project(project_id: int) -> NotFound:
    """The error for a project that is not there."""
    return NotFound(f"Project {project_id} does not exist.", field="project")


def create_user(
    app: AppContext, email: str, password: str, *, is_admin: bool = False
) -> Principal:
    """Add somebody who can log in.

    Raises:
        InvalidInput: the address or the password cannot be used.
        Conflict: the address is taken.
    """
    address = email.strip().lower()
    _check_login(address, password)
    hashed = _HASHER.hash(password)
    try:
        with app.database.write() as session:
            user = User(email=address, password_hash=hashed, is_admin=is_admin)
            session.add(user)
            session.flush()
            return _principal(user)
    except IntegrityError:  # the address is unique
        raise Conflict(
            f"There is a user {address} already.",
            field="email",
            remedy="Give another address.",
        ) from None


def change_password(app: AppContext, email: str, password: str) -> Principal:
    """Give an active user another password, which ends their sessions.

    Raises:
        InvalidInput: the password cannot be used.
        NotFound: nobody has this address.
    """
    principal = find_user(app, email)
    if problems := _check_password(password):
        raise InvalidInput("This password cannot be used.", problems=problems)
    hashed = _HASHER.hash(password)
    with app.database.write() as session:
        user = session.get_one(User, principal.user_id)
        user.password_hash = hashed
    return principal


def _check_login(address: str, password: str) -> None:
    problems = []
    local, _, domain = address.partition("@")
    if not local or not domain or any(c.isspace() or c == "\0" for c in address):
        problems.append(Problem("email", "Not an e-mail address.", "Give name@host."))
    problems += _check_password(password)
    if problems:
        raise InvalidInput("This user cannot be created.", problems=problems)


def _check_password(password: str) -> list[Problem]:
    if len(password) >= 8:
        return []
    remedy = "Use at least 8 characters."
    return [Problem("password", "Too short.", remedy, "too_short")]


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
        return _principal(user)


def find_operator(app: AppContext) -> Principal:
    """The user that commands at a terminal act as: the oldest active administrator.

    Raises:
        NotFound: there is none.
    """
    query = select(User).where(User.is_admin, User.is_active).order_by(col(User.id))
    with app.database.read() as session:
        user = session.exec(query.limit(1)).first()
        if user is None:
            raise NotFound(
                "There is no administrator yet.",
                field="user",
                remedy="Create one with: labeldock user create --admin --email ...",
            )
        return _principal(user)


def load_user(app: AppContext, user_id: int) -> Principal:
    """An active user by number, as a token that is signed names them.

    Raises:
        NotAuthenticated: there is none.
    """
    with app.database.read() as session:
        user = session.get(User, user_id)
        if user is None or not user.is_active:
            raise NotAuthenticated("Authentication credentials were not provided.")
        return _principal(user)


def load_session(app: AppContext, user_id: int, stamp: str) -> Principal:
    """An active user, as a session names them that was not ended since.

    Raises:
        NotAuthenticated: there is none, or they logged out or changed their password.
    """
    with app.database.read() as session:
        user = session.get(User, user_id)
        is_valid = user is not None and user.is_active
        if user is None or not is_valid or _stamp(app, user) != stamp:
            raise NotAuthenticated("Authentication credentials were not provided.")
        return _principal(user)


def end_sessions(app: AppContext, user_id: int) -> None:
    """Log somebody out of all browsers; their tokens stay valid."""
    with app.database.write() as session:
        session.execute(
            update(User)
            .where(col(User.id) == user_id)
            .values(session_epoch=col(User.session_epoch) + 1)
        )


def _stamp(app: AppContext, user: User) -> str:
    """What a session has to know: it changes with the password, and with a log-out."""
    text = f"{user.id}:{user.session_epoch}:{user.password_hash}"
    key = app.vault.derive_key("session stamp")
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()[:_STAMP_DIGITS]


def log_in(app: AppContext, email: str, password: str) -> Principal:
    """Check a login; takes as long for an unknown address as for a wrong password.

    Raises:
        NotAuthenticated: address and password do not belong together.
    """
    return open_session(app, email, password).principal


def open_session(app: AppContext, email: str, password: str) -> Login:
    """Check a login, as `log_in` does, for a session of a browser.

    Raises:
        NotAuthenticated: address and password do not belong together.
    """
    with app.database.read() as session:
        query = select(User).where(User.email == email.strip().lower(), User.is_active)
        user = session.exec(query).first()
        hashed = user.password_hash if user else _dummy_hash()
    try:
        with _FEW_AT_ONCE:
            _HASHER.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        user = None
    if user is None:
        raise NotAuthenticated("The e-mail address or the password is wrong.")
    return Login(_principal(user), _stamp(app, user))


@cache
def _dummy_hash() -> str:
    return _HASHER.hash(secrets.token_hex(8))


def _principal(user: User) -> Principal:
    return Principal(
        user.id, user.email, user.is_admin, user.first_name, user.last_name
    )


def create_token(app: AppContext, email: str, *, title: str = "") -> str:
    """Make a personal token; only its hash is kept, so it is shown once.

    Raises:
        NotFound: nobody has this address.
    """
    principal = find_user(app, email)
    token = secrets.token_hex(_TOKEN_BYTES)
    with app.database.write() as session:
        session.add(
            Token(
                user_id=principal.user_id,
                token_hash=hash_token(token),
                hint=token[:4],
                title=title,
            )
        )
    return token


def revoke_token(app: AppContext, token: str) -> None:
    """End a token's validity.

    Raises:
        NotFound: there is no such token in force.
    """
    with app.database.write() as session:
        revoked = session.exec(
            update(Token)
            .where(col(Token.token_hash) == hash_token(token))
            .where(col(Token.revoked_at).is_(None))
            .values(revoked_at=utc_now())
        )
        if revoked.rowcount != 1:
            raise NotFound("There is no such token in force.", field="token")


def authenticate(app: AppContext, token: str) -> Principal:
    """Whom a token belongs to.

    Raises:
        NotAuthenticated: unknown, revoked or expired.
    """
    with app.database.read() as session:
        query = (
            select(Token, User)
            .where(Token.token_hash == hash_token(token))
            .where(Token.user_id == User.id, User.is_active)
            .where(col(Token.revoked_at).is_(None), col(Token.jti).is_(None))
        )
        found = session.exec(query).first()
    now = utc_now()
    if found is None or (found[0].expires_at and found[0].expires_at <= now):
        raise NotAuthenticated("Invalid token.")
    note_use(app, found[0], now)
    return _principal(found[1])


def note_use(app: AppContext, token: Token, now: datetime) -> None:
    """Remember when a token was used last, to the minute."""
    if token.last_used_at and now - token.last_used_at < _ACTIVITY_STEP:
        return
    with app.database.write() as session:
        session.execute(
            update(Token).where(col(Token.id) == token.id).values(last_used_at=now)
        )


def hash_token(token: str) -> str:
    """What is stored of a token."""
    # A token is 160 random bits, so a plain hash is enough and can be looked up.
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class UserName:
    """How others see a user."""

    id: int
    email: str
    first_name: str
    last_name: str


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
        u.id: UserName(u.id, u.email, u.first_name, u.last_name)
        for u in session.exec(query)
    }

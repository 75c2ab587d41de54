"""One-time links: they log a user in, or let them set a password, and end then.

Of a link only the hash is kept. Looking at it uses nothing up, since mail programs and
chats look at links by themselves; sending its form does.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlmodel import Session, col, select, update

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.accounts import Identity, OneTimeLink
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token, User
from labeldock.services import access
from labeldock.services.access import Login, NewUser, OrganizationRole, Principal
from labeldock.services.accounts.control import load_controlled
from labeldock.services.accounts.notes import note_user
from labeldock.services.accounts.users import check_names
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext

LINK_PATH: Final = "/user/link/"
DEFAULT_HOURS: Final = 24
MOST_HOURS: Final = 24 * 30
FIRST_ADMIN: Final = "admin@labeldock.local"
_BYTES: Final = 32
_HEAD: Final = OrganizationRole.ADMINISTRATOR


class LinkPurpose(StrEnum):
    """What a link is for."""

    SETUP = "setup"  # the first administrator's address, name and password
    PASSWORD = "password"  # noqa: S105  names what is set
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link that was just made; its token is not shown again."""

    token: str
    purpose: LinkPurpose
    expires_at: datetime

    @property
    def path(self) -> str:
        """Where it leads, below the service's address."""
        return f"{LINK_PATH}{self.token}"


@dataclass(frozen=True, slots=True)
class LinkView:
    """Whom a link is for, and what."""

    email: str
    first_name: str
    last_name: str
    purpose: LinkPurpose


def issue_link(
    app: AppContext,
    principal: Principal | None,
    user_id: int,
    purpose: LinkPurpose = LinkPurpose.PASSWORD,
    hours: int = DEFAULT_HOURS,
) -> IssuedLink:
    """Make a link for a user.

    Args:
        app: the parts.
        principal: who makes it; None is whoever sits at the terminal.
        user_id: for whom.
        purpose: what it is for.
        hours: how long it is good for.

    Raises:
        NotFound, NotAllowed: as `load_controlled` says.
        InvalidInput: the user is not active, or the time is too long.
    """
    if not 1 <= hours <= MOST_HOURS:
        remedy = f"Give 1 to {MOST_HOURS} hours."
        raise InvalidInput("Not a time for a link.", field="hours", remedy=remedy)
    with app.database.write() as session:
        user = load_controlled(session, principal, user_id)
        if not user.is_active:
            raise InvalidInput(
                f"{user.email} is not active.",
                field="user",
                remedy="Activate the account first.",
            )
        note_user(
            session,
            principal,
            Action.PASSWORD_RESET_ASKED,
            user_id,
            purpose=purpose.value,
        )
        created_by = principal.user_id if principal else None
        return _insert(session, user_id, purpose, hours, created_by)


def prepare_first_admin(app: AppContext) -> IssuedLink | None:
    """The link with which the first administrator begins; None once they have begun.

    Several processes that start at once each get one; the first that is used counts.
    """

    def use_case(session: Session) -> IssuedLink | None:
        users = session.exec(select(User).order_by(col(User.id)).limit(2)).all()
        if not users:
            home = access.find_first_organization(session)
            new = NewUser(FIRST_ADMIN, is_admin=True)
            user = access.insert_user(session, new, home, _HEAD)
            note_user(session, None, Action.USER_CREATED, user.id, email=user.email)
        elif len(users) == 1 and _has_not_begun(session, users[0]):
            user = users[0]
        else:
            return None
        return _insert(session, user.id, LinkPurpose.SETUP, DEFAULT_HOURS, None)

    return app.database.transact(use_case)


def look_at_link(app: AppContext, token: str) -> LinkView:
    """Whom a link is for, without using it up.

    Raises:
        NotFound: it was never made, was used, or has expired.
    """
    with app.database.read() as session:
        link, user = _load(session, token)
        return LinkView(
            user.email, user.first_name, user.last_name, LinkPurpose(link.purpose)
        )


def use_link(app: AppContext, token: str, values: Mapping[str, Any]) -> Login:
    """Use a link up: log in with it, or set the password that `values` give.

    A new password ends all sessions, and voids the user's other links. The address of
    somebody who signed up by themselves counts as theirs from then on, so that what
    others may have prepared for it, their tokens and identities, goes.

    Raises:
        NotFound: it was never made, was used, or has expired.
        InvalidInput: the password, or for `setup` the address or a name, is refused.
        Conflict: the address is taken.
    """
    view = look_at_link(app, token)
    changes = _check_values(view, values)
    if view.purpose is not LinkPurpose.LOGIN:
        changes["password_hash"] = access.hash_password(str(values.get("password")))
    address = str(changes.get("email", view.email))

    def use_case(session: Session) -> Login:
        link, user = _load(session, token)
        _mark_used(session, link)
        if link.purpose != LinkPurpose.LOGIN:
            _mark_used(session, *_list_open(session, user.id))
            _confirm(session, user)
            user.session_epoch += 1
        for name, value in changes.items():
            setattr(user, name, value)
        session.flush()
        principal = access.build_principal(user)
        if link.purpose != LinkPurpose.LOGIN:
            note_user(session, principal, Action.PASSWORD_CHANGED, user.id)
        note_user(session, principal, Action.LOGIN, user.id, method="link")
        return Login(principal, access.find_stamp(app, user))

    with access.refuse_taken(address):
        return app.database.transact(use_case)


def hash_link(token: str) -> str:
    """What is stored of a link, or an invitation: of 256 random bits, a plain hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def make_link_token() -> str:
    """The secret part of a link."""
    return secrets.token_urlsafe(_BYTES)


def _insert(
    session: Session,
    user_id: int,
    purpose: LinkPurpose,
    hours: int,
    created_by_id: int | None,
) -> IssuedLink:
    token = make_link_token()
    expires_at = utc_now() + timedelta(hours=hours)
    session.add(
        OneTimeLink(
            user_id=user_id,
            token_hash=hash_link(token),
            purpose=purpose.value,
            created_by_id=created_by_id,
            expires_at=expires_at,
        )
    )
    session.flush()
    return IssuedLink(token, purpose, expires_at)


def _load(session: Session, token: str) -> tuple[OneTimeLink, User]:
    query = (
        select(OneTimeLink, User)
        .join(User, col(User.id) == col(OneTimeLink.user_id))
        .where(OneTimeLink.token_hash == hash_link(token), User.is_active)
        .where(col(OneTimeLink.used_at).is_(None), OneTimeLink.expires_at > utc_now())
    )
    found = session.exec(query).first()
    if found is None:
        raise _no_such_link()
    link, user = found
    return link, user


def _mark_used(session: Session, *links: OneTimeLink) -> None:
    """Use links up; of several who try at once, one succeeds.

    Raises:
        NotFound: somebody else was faster.
    """
    ids = [link.id for link in links]
    marked = session.execute(
        update(OneTimeLink)
        .where(col(OneTimeLink.id).in_(ids), col(OneTimeLink.used_at).is_(None))
        .values(used_at=utc_now())
    )
    if marked.rowcount != len(ids):  # type: ignore[attr-defined]  # of a cursor
        raise _no_such_link()


def _list_open(session: Session, user_id: int) -> list[OneTimeLink]:
    query = (
        select(OneTimeLink)
        .where(OneTimeLink.user_id == user_id, col(OneTimeLink.used_at).is_(None))
        .with_for_update()
    )
    return list(session.exec(query))


def _confirm(session: Session, user: User) -> None:
    if user.email_confirmed:
        return
    user.email_confirmed = True
    session.execute(
        update(Token)
        .where(col(Token.user_id) == user.id, col(Token.revoked_at).is_(None))
        .values(revoked_at=utc_now())
    )
    for identity in session.exec(select(Identity).where(Identity.user_id == user.id)):
        session.delete(identity)


def _has_not_begun(session: Session, user: User) -> bool:
    """Whether an administrator has neither a password nor another way in."""
    if not (user.is_admin and user.is_active) or user.password_hash:
        return False
    known = select(Identity.id).where(Identity.user_id == user.id)
    return session.exec(known).first() is None


def _check_values(view: LinkView, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to be changed, but for the password, which takes long to hash."""
    if view.purpose is LinkPurpose.LOGIN:
        return {}
    password = values.get("password")
    problems = access.check_password(password if isinstance(password, str) else "")
    changes: dict[str, Any] = {}
    if view.purpose is LinkPurpose.SETUP:
        email = values.get("email") or view.email
        problems += access.check_address(str(email))
        changes = {"email": str(email).strip().lower(), **check_names(values)}
    if problems:
        raise InvalidInput("This cannot be used.", problems=problems)
    return changes


def _no_such_link() -> NotFound:
    return NotFound(
        "This link is not good any more.",
        remedy="It works once, and for a while. Ask for a new one.",
    )

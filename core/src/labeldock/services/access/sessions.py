"""Sessions of browsers: opened with a password, ended by a log-out or a new one."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from sqlmodel import col, select, update

from labeldock.contract.errors import NotAuthenticated
from labeldock.db.tables import User
from labeldock.services.access.passwords import is_right
from labeldock.services.access.principals import Login, Principal, build_principal
from labeldock.services.context import AppContext

_STAMP_DIGITS: Final = 32  # 128 bits


def load_session(app: AppContext, user_id: int, stamp: str) -> Principal:
    """An active user, as a session names them that was not ended since.

    Raises:
        NotAuthenticated: there is none, or they logged out or changed their password.
    """
    with app.database.read() as session:
        user = session.get(User, user_id)
        is_valid = user is not None and user.is_active
        if user is None or not is_valid or find_stamp(app, user) != stamp:
            raise NotAuthenticated("Authentication credentials were not provided.")
        return build_principal(user)


def end_sessions(app: AppContext, user_id: int) -> None:
    """Log somebody out of all browsers; their tokens stay valid."""
    with app.database.write() as session:
        session.execute(
            update(User)
            .where(col(User.id) == user_id)
            .values(session_epoch=col(User.session_epoch) + 1)
        )


def find_stamp(app: AppContext, user: User) -> str:
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
        hashed = user.password_hash if user else ""
    if not is_right(hashed, password) or user is None:
        raise NotAuthenticated("The e-mail address or the password is wrong.")
    return Login(build_principal(user), find_stamp(app, user))

"""Whom tokens belong to; they are made and ended by `services/tokens`."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import col, or_, select, update

from labeldock.contract.errors import NotAuthenticated
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token, User
from labeldock.services.access.principals import Principal, build_principal
from labeldock.services.context import AppContext

_ACTIVITY_STEP: Final = timedelta(minutes=1)


def authenticate(app: AppContext, token: str) -> Principal:
    """Whom a token belongs to.

    Raises:
        NotAuthenticated: unknown, revoked or expired.
    """
    is_it = Token.token_hash == hash_token(token)
    found = find_token(app, is_it, col(Token.jti).is_(None))
    if found is None:
        raise NotAuthenticated("Invalid token.")
    return found


def find_token(app: AppContext, *conditions: Any) -> Principal | None:
    """Whom the one token in force belongs to that meets the conditions of a query."""
    now = utc_now()
    query = (
        select(Token, User)
        .where(Token.user_id == User.id, User.is_active, *conditions)
        .where(col(Token.revoked_at).is_(None))
        .where(or_(col(Token.expires_at).is_(None), col(Token.expires_at) > now))
    )
    with app.database.read() as session:
        found = session.exec(query).first()
    if found is None:
        return None
    note_use(app, found[0], now)
    return build_principal(found[1], found[0])


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

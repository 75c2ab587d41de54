"""Tokens of the older kind: opaque, lasting, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import col, or_, select, update

from labeldock.contract.errors import NotAuthenticated, NotFound
from labeldock.db.tables import Token, User, utc_now
from labeldock.services.access.principals import Principal, build_principal
from labeldock.services.access.users import find_user
from labeldock.services.context import AppContext

_TOKEN_BYTES: Final = 20  # 40 hex digits, the length that clients know
_ACTIVITY_STEP: Final = timedelta(minutes=1)


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

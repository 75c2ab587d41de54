"""Personal access tokens as clients know them: one that lasts buys those that do not.

Both are JSON Web Tokens, since clients look into them for their end. The lasting one is
looked up by its hash, as every token; it opens nothing by itself. The short one is
signed and stored nowhere: it names the lasting one, and ends with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlmodel import Session, col, select

from labeldock.contract.errors import NotAuthenticated, NotFound
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token, User
from labeldock.services import access, tokens
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.scopes import parse_scopes
from labeldock.services.tokens import TokenWish

LIFETIME_DAYS: Final = 365  # of one for which no end was asked
ACCESS_SECONDS: Final = 300
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_PURPOSE: Final = "personal token"
_SHORT: Final = "access"


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token that lasts; `token` is whole only when it was just made."""

    token: str
    created_at: datetime
    expires_at: datetime
    id: int
    title: str
    scopes: tuple[str, ...]
    last_used_at: datetime | None


def create_personal_token(
    app: AppContext, principal: Principal, wish: TokenWish
) -> PersonalToken:
    """Make a token; only its hash is kept, so it is shown once.

    Raises:
        InvalidInput: it is to last longer than the operator permits.
        NotAllowed: who asks has a token that may not make others.
    """
    with app.database.write() as session:
        return _create(app, session, principal, wish)


def list_personal_tokens(app: AppContext, principal: Principal) -> list[PersonalToken]:
    """The tokens of a user that are in force, without what makes them work."""
    query = (
        select(Token)
        .where(Token.user_id == principal.user_id, col(Token.jti).is_not(None))
        .where(col(Token.revoked_at).is_(None), col(Token.expires_at) > utc_now())
        .order_by(col(Token.id))
    )
    with app.database.read() as session:
        return [_show(_write_lasting(row), row) for row in session.exec(query)]


def revoke_personal_token(app: AppContext, principal: Principal, token: str) -> None:
    """End a token of one's own, and with it the short ones that it bought.

    Raises:
        NotFound: there is no such token in force.
    """
    with app.database.write() as session:
        _revoke(session, principal, token)


def rotate_personal_token(
    app: AppContext, principal: Principal, token: str
) -> PersonalToken:
    """Put another token in the place of one of one's own; it may do as much.

    Raises:
        NotFound: there is no such token in force.
        NotAllowed: who asks has a token that may only end itself.
    """
    with app.database.write() as session:
        row = _revoke(session, principal, token)
        wish = TokenWish(
            row.title,
            scopes=parse_scopes(row.scopes),
            organization_id=row.organization_id,
        )
        return _create(app, session, principal, wish)


def buy_access(app: AppContext, token: str) -> str:
    """A short token for a lasting one.

    Raises:
        NotAuthenticated: it is unknown, revoked or expired, or its user is not active.
    """
    with app.database.read() as session:
        row = session.exec(
            _select_in_force().where(Token.token_hash == access.hash_token(token))
        ).first()
    if row is None:
        raise _invalid()
    now = utc_now()
    access.note_use(app, row, now)
    issued = int(now.timestamp())
    end = min(issued + ACCESS_SECONDS, _count_seconds(row.expires_at))
    claims = {"exp": end, "iat": issued, "jti": row.jti, "user_id": row.user_id}
    return _sign(app, _write({"token_type": _SHORT, **claims}))


def authenticate(app: AppContext, token: str) -> Principal:
    """Whom a token of any kind belongs to.

    Raises:
        NotAuthenticated: unknown, revoked or expired.
    """
    if token.count(".") != 2:
        return access.authenticate(app, token)
    claims = _read_access(app, token)
    is_it = (Token.jti == claims["jti"], Token.user_id == claims["user_id"])
    found = access.find_token(app, *is_it)
    if found is None:
        raise _invalid()
    return found


def _create(
    app: AppContext, session: Session, principal: Principal, wish: TokenWish
) -> PersonalToken:
    days = LIFETIME_DAYS
    row = tokens.build_token(app, session, principal, wish, default_days=days)
    row.jti = secrets.token_hex(16)
    token = _sign(app, _write_lasting(row))
    row.token_hash, row.hint = access.hash_token(token), row.jti[:4]
    tokens.save_token(session, principal, row)
    return _show(token, row)


def _revoke(session: Session, principal: Principal, token: str) -> Token:
    """The row that is over now."""
    row: Token | None = session.exec(
        _select_in_force().where(
            Token.token_hash == access.hash_token(token),
            Token.user_id == principal.user_id,
        )
    ).first()
    if row is None:
        raise NotFound("There is no such token in force.", field="refresh")
    tokens.end_token(session, principal, row)
    return row


def _select_in_force() -> Any:  # a select of Token
    return (
        select(Token)
        .where(Token.user_id == User.id, User.is_active)
        .where(col(Token.jti).is_not(None), col(Token.revoked_at).is_(None))
        .where(col(Token.expires_at) > utc_now())
    )


def _show(token: str, row: Token) -> PersonalToken:
    return PersonalToken(
        token=token,
        created_at=row.created_at,
        expires_at=row.expires_at or row.created_at,
        id=row.id,
        title=row.title,
        scopes=tuple(row.scopes or tokens.EVERY_SCOPE),
        last_used_at=row.last_used_at,
    )


def _count_seconds(end: datetime | None) -> int:
    return int(end.timestamp()) if end else 0


# Writing and reading


def _write_lasting(row: Token) -> str:
    claims = {
        "token_type": "refresh",
        "exp": _count_seconds(row.expires_at),
        "iat": _count_seconds(row.created_at),
        "jti": row.jti,
        "user_id": row.user_id,
    }
    return _write(claims)


def _write(claims: dict[str, Any]) -> str:
    return ".".join(_encode(orjson.dumps(part)) for part in (_HEADER, claims))


def _sign(app: AppContext, text: str) -> str:
    key = app.vault.derive_key(_PURPOSE)
    return f"{text}.{_encode(hmac.digest(key, text.encode(), hashlib.sha256))}"


def _read_access(app: AppContext, token: str) -> dict[str, Any]:
    """The claims, looked at only once the signature is ours."""
    text = token.rpartition(".")[0]
    if not hmac.compare_digest(_sign(app, text).encode(), token.encode()):
        raise _invalid()
    payload = text.partition(".")[2]
    padding = "=" * (-len(payload) % 4)
    claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload + padding))
    if claims.get("token_type") != _SHORT or claims["exp"] <= time.time():
        raise _invalid()
    return claims


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("Token is invalid or expired")

"""Tokens of all kinds: made with scopes and an end, listed, and revoked.

A `key` is sent as it is and opens at once; a `personal` token buys short ones (see
`personal_tokens`). Of either only the hash is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotAllowed, NotFound
from labeldock.db.accounts import OrganizationMember
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token, User
from labeldock.db.types import escape_text
from labeldock.services import access, auditing
from labeldock.services.access import Principal
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope, parse_scopes

_BYTES: Final = 20  # 40 hex digits, the length that clients know
_HINT: Final = 4
_LONGEST_TITLE: Final = 256
_MOST_DAYS: Final = 36_500
EVERY_SCOPE: Final = tuple(Scope)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token as somebody asks for it.

    `days` is how long it lasts; None: as long as the operator permits.
    """

    title: str = ""
    scopes: tuple[Scope, ...] = EVERY_SCOPE
    days: int | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is shown: all but what makes it work."""

    id: int
    user_id: int
    user_email: str
    kind: str
    title: str
    hint: str
    scopes: tuple[Scope, ...]
    organization_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_in_force(self) -> bool:
        """Whether it opens anything."""
        is_over = self.expires_at is not None and self.expires_at <= utc_now()
        return self.revoked_at is None and not is_over


def read_wish(values: Mapping[str, Any]) -> TokenWish:
    """What somebody asks for, checked.

    Raises:
        InvalidInput: a value is of the wrong kind; names the field.
    """
    if values.get("scopes") == []:  # whoever means "nothing" must not get everything
        raise InvalidInput(
            "No scope is named.",
            field="scopes",
            remedy="Name at least one, or leave the field out for all of them.",
        )
    title, days = values.get("title") or "", values.get("expires_in_days")
    if not isinstance(title, str) or escape_text(title) != title:
        raise InvalidInput("Not a valid string.", field="title")
    if len(title) > _LONGEST_TITLE:
        raise InvalidInput(f"Longer than {_LONGEST_TITLE} characters.", field="title")
    organization = values.get("organization")
    return TokenWish(
        title=title,
        scopes=parse_scopes(values.get("scopes")),
        days=_read_number(days, "expires_in_days", _MOST_DAYS),
        organization_id=_read_number(organization, "organization", 2**63 - 1),
    )


def create_key(
    app: AppContext, principal: Principal, wish: TokenWish
) -> tuple[TokenView, str]:
    """Make a token that is sent as it is; only its hash is kept, so it is shown once.

    Raises:
        InvalidInput: it is to last longer than the operator permits.
        NotAllowed: who asks has a token that may not make others.
    """
    text = secrets.token_hex(_BYTES)
    with app.database.write() as session:
        row = build_token(app, session, principal, wish)
        row.token_hash, row.hint = access.hash_token(text), text[:_HINT]
        save_token(session, principal, row)
        return _view(row, principal.email), text


def build_token(
    app: AppContext,
    session: Session,
    principal: Principal,
    wish: TokenWish,
    *,
    default_days: int | None = None,
) -> Token:
    """The row of a token without what makes it work; checked, not yet added.

    Raises:
        InvalidInput, NotAllowed: as with `create_key`.
    """
    access.require_scope(principal, Scope.ADMIN)
    now = utc_now().replace(microsecond=0)
    days = _choose_days(app, wish.days, default_days)
    return Token(
        user_id=principal.user_id,
        token_hash="",
        hint="",
        title=wish.title,
        scopes=None if wish.scopes == EVERY_SCOPE else list(wish.scopes),
        organization_id=_choose_organization(session, principal, wish),
        created_at=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )


def save_token(session: Session, principal: Principal, row: Token) -> None:
    """Add a token's row and write down that it was made."""
    session.add(row)
    session.flush()
    details = {"title": row.title, "scopes": row.scopes, "expires_at": row.expires_at}
    _note(session, principal, Action.TOKEN_CREATED, row, details)


def list_tokens(
    app: AppContext, principal: Principal, *, user_id: int | None = None
) -> list[TokenView]:
    """The tokens of a user, newest first, those that are over too.

    Args:
        app: the parts.
        principal: who asks.
        user_id: whose; None for one's own. Only an administrator sees others'.
    """
    access.require_scope(principal, Scope.READ)
    wanted = principal.user_id if user_id is None else user_id
    if wanted != principal.user_id:
        _require_administrator(principal)
    query = select(Token, User.email).where(Token.user_id == User.id)
    query = query.where(Token.user_id == wanted).order_by(col(Token.id).desc())
    with app.database.read() as session:
        return [_view(row, email) for row, email in session.exec(query)]


def revoke_token(app: AppContext, principal: Principal, token_id: int) -> None:
    """End a token's validity: one's own, or (administrators) anybody's.

    Raises:
        NotFound: there is no such token in force.
        NotAllowed: who asks has a token that may only end itself.
    """
    with app.database.write() as session:
        row = session.get(Token, token_id)
        is_own = row is not None and row.user_id == principal.user_id
        if row is None or row.revoked_at or not (is_own or principal.is_admin):
            raise NotFound("There is no such token in force.", field="token")
        end_token(session, principal, row)


def revoke_key(app: AppContext, text: str) -> None:
    """End the validity of a token that somebody holds in their hands.

    Raises:
        NotFound: there is no such token in force.
    """
    query = (
        select(Token, User)
        .where(Token.user_id == User.id, Token.token_hash == access.hash_token(text))
        .where(col(Token.revoked_at).is_(None))
    )
    with app.database.write() as session:
        found = session.exec(query).first()
        if found is None:
            raise NotFound("There is no such token in force.", field="token")
        row, user = found
        end_token(session, Principal(user.id, user.email), row)


def end_token(session: Session, principal: Principal, row: Token) -> None:
    """End the validity of a token's row; a token may always end itself.

    Raises:
        NotAllowed: who asks has a token that may not end others.
    """
    if principal.token_id != row.id:
        access.require_scope(principal, Scope.ADMIN)
    row.revoked_at = utc_now()
    _note(session, principal, Action.TOKEN_REVOKED, row, {"title": row.title})


def _note(
    session: Session,
    principal: Principal,
    action: Action,
    row: Token,
    details: dict[str, Any],
) -> None:
    if row.user_id != principal.user_id:
        details = {**details, "of_user": row.user_id}
    organization = row.organization_id
    deed = Deed(action, "token", row.id, organization_id=organization, details=details)
    auditing.record(session, principal, deed)


def _choose_days(
    app: AppContext, wanted: int | None, default: int | None
) -> int | None:
    most = app.settings.token_max_days or None
    if wanted is None:
        limits = [days for days in (default, most) if days is not None]
        return min(limits, default=None)
    if most is not None and wanted > most:
        raise InvalidInput(
            f"Tokens last {most} days at most here.",
            field="expires_in_days",
            remedy=f"Ask for {most} days or fewer.",
        )
    return wanted


def _choose_organization(
    session: Session, principal: Principal, wish: TokenWish
) -> int | None:
    """What a token is bound to; one that is bound makes no others that are not."""
    bound, wanted = principal.token_organization_id, wish.organization_id
    if bound is not None:
        if wanted not in {None, bound}:
            raise NotAllowed("This token is good for another organisation only.")
        return bound
    if wanted is None:
        return None
    if session.get(OrganizationMember, (wanted, principal.user_id)) is not None:
        return wanted
    raise InvalidInput(
        f"You are not in an organisation {wanted}.",
        field="organization",
        remedy="Give the number of one that you are in, or leave it out.",
    )


def _require_administrator(principal: Principal) -> None:
    access.require_scope(principal, Scope.ADMIN)
    if not principal.is_admin:
        raise NotAllowed("Only administrators see the tokens of others.")


def _read_number(value: Any, field: str, most: int) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    is_number = not isinstance(value, bool | float) and text.isascii()
    if not (is_number and text.isdigit() and 1 <= int(text[:20]) <= most):
        raise InvalidInput(f"Not a whole number from 1 to {most}.", field=field)
    return int(text)


def _view(row: Token, email: str) -> TokenView:
    return TokenView(
        id=row.id,
        user_id=row.user_id,
        user_email=email,
        kind="key" if row.jti is None else "personal",
        title=row.title,
        hint=row.hint,
        scopes=parse_scopes(_known(row.scopes)) if row.scopes else EVERY_SCOPE,
        organization_id=row.organization_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _known(names: list[str]) -> list[str]:
    return [name for name in names if name in set(Scope)]

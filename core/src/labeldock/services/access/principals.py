"""Who asks: a user, as every use case is given them."""

from __future__ import annotations

from dataclasses import dataclass, field

from labeldock.db.tables import Token, User
from labeldock.services.scopes import Scope, widen


@dataclass(frozen=True, slots=True)
class Principal:
    """The user on whose behalf something is done, and what their token leaves of it.

    `scopes` is None for a session and for a token that may do all that its user may;
    a token with a `token_organization_id` is good for that organisation alone.
    """

    user_id: int
    email: str
    is_admin: bool = False
    first_name: str = ""
    last_name: str = ""
    token_id: int | None = field(default=None, compare=False)
    scopes: frozenset[Scope] | None = None
    token_organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who gave the right password, and the stamp of sessions from now on."""

    principal: Principal
    stamp: str


def build_principal(user: User, token: Token | None = None) -> Principal:
    """The principal of a row, and of the token that they came with, if any."""
    return Principal(
        user_id=user.id,
        email=user.email,
        is_admin=user.is_admin,
        first_name=user.first_name,
        last_name=user.last_name,
        token_id=token.id if token else None,
        scopes=widen(token.scopes) if token else None,
        token_organization_id=token.organization_id if token else None,
    )

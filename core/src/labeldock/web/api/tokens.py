"""/api/token: personal access tokens; /api/current-user/tokens: those of any kind."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput, NotAuthenticated, NotFound
from labeldock.services import personal_tokens as services
from labeldock.services import tokens
from labeldock.services.personal_tokens import PersonalToken
from labeldock.services.scopes import Scope
from labeldock.services.tokens import TokenView
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query, Reference, Whole
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing


class TokenQuery(Query):
    """Whose tokens."""

    user: Whole | None = Field(
        default=None, description="Of this user; only administrators see others'."
    )


class TokenBody(Body):
    """A token as somebody asks for it; nothing is required."""

    title: str = Field(default="", description="What it is for.")
    scopes: Any = Field(
        default=None,
        description="What it may be used for, at most: `read`, `annotate`, `manage`, "
        "`admin`, each with those before it; left out, everything its user may.",
        json_schema_extra={"type": "array", "items": {"enum": list(Scope)}},
    )
    expires_in_days: Reference = Field(
        default=None,
        description="How long it lasts; left out, as long as the operator permits.",
    )
    organization: Reference = Field(
        default=None, description="The organisation that it is good for, alone."
    )


class LastingBody(Body):
    """A personal token."""

    refresh: str = Field(description="As POST /api/token gave it.")


class AccessShape(TypedDict):
    """A token for the next minutes."""

    access: str


class RefreshShape(TypedDict):
    """The token that took the place of another."""

    refresh: str


class TokenShape(TypedDict):
    """A token as it is shown: all but what makes it work."""

    id: int
    user_id: int
    user_email: str
    kind: str
    title: str
    hint: str
    scopes: list[str]
    organization_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_in_force: bool


class NewTokenShape(TokenShape):
    """A token that was just made, with its text."""

    token: str


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/token", GET=list_tokens, POST=create_token),
        build_route("/api/token/blacklist", POST=revoke_token),
        build_route("/api/token/rotate", POST=rotate_token),
        build_route("/api/token/refresh", POST=buy_access),
        build_route("/api/current-user/tokens", GET=list_all, POST=create_key),
        build_route("/api/current-user/tokens/{id:int}", DELETE=revoke_one),
    ]


@operation(Need.LOGIN, returns=list[PersonalToken])
def list_tokens(call: Call) -> Response:
    """The caller's personal tokens that are in force; their signatures are not kept."""
    found = services.list_personal_tokens(call.app, call.principal)
    return render_json([asdict(token) for token in found])


@operation(Need.LOGIN, returns=PersonalToken, status=201)
def create_token(call: Call, body: TokenBody) -> Response:
    """A new personal token of the caller; this answer is the only one that holds it."""
    wish = tokens.read_wish(body.given())
    made = services.create_personal_token(call.app, call.principal, wish)
    return render_json(asdict(made), 201)


@operation(Need.LOGIN)
def revoke_token(call: Call, body: LastingBody) -> Response:
    """End a personal token of the caller."""
    services.revoke_personal_token(call.app, call.principal, _read_token(body))
    return render_nothing()


@operation(Need.LOGIN, returns=RefreshShape, errors=(NotFound,))
def rotate_token(call: Call, body: LastingBody) -> Response:
    """Another personal token in the place of one."""
    made = services.rotate_personal_token(call.app, call.principal, _read_token(body))
    return render_json({"refresh": made.token})


@operation(Need.NOTHING, returns=AccessShape, errors=(NotAuthenticated,))
def buy_access(call: Call, body: LastingBody) -> Response:
    """A token for the next minutes; whoever has the lasting one need not log in."""
    return render_json({"access": services.buy_access(call.app, _read_token(body))})


@operation(Need.LOGIN, returns=list[TokenShape])
def list_all(call: Call, query: TokenQuery) -> Response:
    """The caller's tokens of every kind, newest first, those that are over too."""
    found = tokens.list_tokens(call.app, call.principal, user_id=query.user)
    return render_json([_shape(token) for token in found])


@operation(Need.LOGIN, returns=NewTokenShape, status=201)
def create_key(call: Call, body: TokenBody) -> Response:
    """A token that is sent as it is; this answer is the only one that holds it."""
    wish = tokens.read_wish(body.given())
    made, text = tokens.create_key(call.app, call.principal, wish)
    return render_json({**_shape(made), "token": text}, 201)


@operation(Need.LOGIN)
def revoke_one(call: Call) -> Response:
    """End a token by its number: one's own, or (administrators) anybody's."""
    tokens.revoke_token(call.app, call.principal, call.path_id())
    return render_nothing()


def _shape(token: TokenView) -> dict[str, Any]:
    return {**asdict(token), "is_in_force": token.is_in_force}


def _read_token(body: LastingBody) -> str:
    token = body.refresh.strip()
    if not token:
        raise InvalidInput(
            "This field is required.",
            field="refresh",
            remedy="Give a personal access token, as POST /api/token/ makes them.",
        )
    return token

"""/api/token: personal access tokens, made, exchanged, replaced and revoked."""

from __future__ import annotations

from dataclasses import asdict

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import personal_tokens as services
from labeldock.web.endpoints import Call, build_public_route, build_route
from labeldock.web.rendering import render_json, render_nothing


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/token", GET=list_tokens, POST=create_token),
        build_route("/api/token/blacklist", POST=revoke_token),
        build_route("/api/token/rotate", POST=rotate_token),
        build_public_route("/api/token/refresh", POST=buy_access),
    ]


def list_tokens(call: Call) -> Response:
    """The caller's tokens that are in force; their signatures are not kept."""
    found = services.list_personal_tokens(call.app, call.principal)
    return render_json([asdict(token) for token in found])


def create_token(call: Call) -> Response:
    """A new token of the caller; this answer is the only one that holds it."""
    title = call.values.get("title", "")
    if not isinstance(title, str):
        raise InvalidInput("Not a valid string.", field="title")
    made = services.create_personal_token(call.app, call.principal, title=title)
    return render_json(asdict(made), 201)


def revoke_token(call: Call) -> Response:
    """End a token of the caller."""
    services.revoke_personal_token(call.app, call.principal, _read_token(call))
    return render_nothing()


def rotate_token(call: Call) -> Response:
    """Another token in the place of one."""
    made = services.rotate_personal_token(call.app, call.principal, _read_token(call))
    return render_json({"refresh": made.token})


def buy_access(call: Call) -> Response:
    """A token for the next minutes; whoever has the lasting one need not log in."""
    return render_json({"access": services.buy_access(call.app, _read_token(call))})


def _read_token(call: Call) -> str:
    token = call.values.get("refresh")
    if not isinstance(token, str) or not token.strip():
        raise InvalidInput(
            "This field is required.",
            field="refresh",
            remedy="Give a personal access token, as POST /api/token/ makes them.",
        )
    return token.strip()

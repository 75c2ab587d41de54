"""/api/users, and the token of whoever asks."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.services import access, people
from labeldock.services.people import Person
from labeldock.web.authentication import read_token
from labeldock.web.endpoints import Call, build_route
from labeldock.web.rendering import render_json


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/users", GET=list_users),
        build_route("/api/users/{id:int}", GET=get_user),
        build_route("/api/current-user/token", GET=get_token),
        build_route("/api/current-user/reset-token", POST=reset_token),
    ]


def list_users(call: Call) -> Response:
    """The users that the caller may know of: a plain list, not a page."""
    found = people.list_people(call.app, call.principal)
    return render_json([shape_user(person) for person in found])


def get_user(call: Call) -> Response:
    """One user."""
    found = people.get_person(call.app, call.principal, call.path_id())
    return render_json(shape_user(found))


def get_token(call: Call) -> Response:
    """The token that the request came with: others are not kept, only their hashes.

    Raises:
        NotFound: it came with none that lasts.
    """
    token = read_token(call.request)
    if token is None or "." in token:
        raise NotFound(
            "Tokens are stored as hashes and cannot be shown again.",
            remedy="Make a new one: POST /api/token/.",
        )
    return render_json({"token": token})


def reset_token(call: Call) -> Response:
    """A new token; the one that the request came with is revoked."""
    token = read_token(call.request)
    made = access.create_token(call.app, call.principal.email)
    if token is not None and "." not in token:
        access.revoke_token(call.app, token)
    return render_json({"token": made}, 201)


def shape_user(person: Person) -> dict[str, Any]:
    """A user with the keys that clients know."""
    return {
        "id": person.id,
        "username": person.email,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "initials": person.email[:2],
        "phone": "",
        "avatar": None,
        "active_organization": 1,
        "active_organization_meta": {"title": "Labeldock", "email": ""},
        "allow_newsletters": False,
        "date_joined": person.created_at,
        "last_activity": person.last_activity or person.created_at,
    }

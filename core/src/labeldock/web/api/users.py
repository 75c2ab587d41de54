"""/api/users, and the token of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import NotFound
from labeldock.services import people, tokens
from labeldock.services.accounts.organizations import name_organizations
from labeldock.services.people import Person
from labeldock.services.tokens import TokenWish
from labeldock.web.api.people import UserShape, shape_organization
from labeldock.web.authentication import read_token
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json


class KeyShape(TypedDict):
    """A token as it is sent."""

    token: str


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/current-user/token", GET=get_token),
        build_route("/api/current-user/reset-token", POST=reset_token),
    ]


@operation(Need.LOGIN, returns=list[UserShape])
def list_users(call: Call) -> Response:
    """The users that the caller may know of: a plain list, not a page."""
    found = people.list_people(call.app, call.principal)
    titles = name_organizations(call.app, call.principal)
    return render_json([shape_user(person, titles) for person in found])


@operation(Need.LOGIN, returns=UserShape)
def get_user(call: Call) -> Response:
    """One user."""
    return render_user(
        call, people.get_person(call.app, call.principal, call.path_id())
    )


@operation(Need.LOGIN, returns=KeyShape, errors=(NotFound,), tag="tokens")
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


@operation(Need.LOGIN, returns=KeyShape, status=201, tag="tokens")
def reset_token(call: Call) -> Response:
    """A new token; the one that the request came with is revoked."""
    token = read_token(call.request)
    _, made = tokens.create_key(call.app, call.principal, TokenWish())
    if token is not None and "." not in token:
        tokens.revoke_key(call.app, token)
    return render_json({"token": made}, 201)


def render_user(call: Call, person: Person, status: int = 200) -> Response:
    """A user as an answer."""
    titles = name_organizations(call.app, call.principal)
    return render_json(shape_user(person, titles), status)


def shape_user(person: Person, titles: Mapping[int, str]) -> UserShape:
    """A user with the keys that clients know.

    Args:
        person: who.
        titles: of the organisations that the caller knows; no other is told of.
    """
    return {
        "id": person.id,
        "username": person.email,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "initials": person.email[:2],
        "phone": "",
        "avatar": person.avatar or None,
        **shape_organization(person.active_organization_id, titles),
        "allow_newsletters": False,
        "date_joined": person.created_at,
        "last_activity": person.last_activity or person.created_at,
    }

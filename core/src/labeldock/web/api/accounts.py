"""User accounts, for who decides about them: made, changed, let in, kept out."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict
from labeldock.services.accounts import users as services
from labeldock.services.accounts.links import DEFAULT_HOURS, LinkPurpose, issue_link
from labeldock.web.api.people import UserShape
from labeldock.web.api.users import get_user, list_users, render_user
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query, Switch, Whole
from labeldock.web.links import build_address
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing

_ONE: Final = "/api/users/{id:int}"


class UserBody(Body):
    """A new user; a one-time link lets them set a password."""

    email: str
    first_name: str = ""
    last_name: str = ""
    is_admin: Switch = Field(
        default=False, description="Whether they administer the installation."
    )


class NamesBody(Body):
    """Names to be changed."""

    first_name: str = ""
    last_name: str = ""


class LinkBody(Body):
    """A one-time link."""

    hours: Whole = Field(default=DEFAULT_HOURS, description="How long it is good for.")


class DeletionQuery(Query):
    """What stays of a deleted user."""

    keep_name: Switch = Field(
        default=False, description="Whether annotations go on showing their name."
    )


class LinkShape(TypedDict):
    """A one-time link, which is shown this once."""

    url: str
    expires_at: datetime


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/users", GET=list_users, POST=create_user),
        build_route(_ONE, GET=get_user, PATCH=change_user, DELETE=delete_user),
        build_route(f"{_ONE}/link", POST=create_link),
        build_route(f"{_ONE}/deactivate", POST=deactivate_user),
        build_route(f"{_ONE}/activate", POST=activate_user),
    ]


@operation(Need.ADMIN, returns=UserShape, status=201, errors=(Conflict,))
def create_user(call: Call, body: UserBody) -> Response:
    """A new user without a password, in the caller's active organisation."""
    values = body.model_dump(exclude={"is_admin"})
    person = services.add_user(call.app, call.principal, values, is_admin=body.is_admin)
    return render_user(call, person, 201)


@operation(Need.HEAD, returns=UserShape)
def change_user(call: Call, body: NamesBody) -> Response:
    """Other names: one's own, or those of whom one decides about."""
    person = services.change_user(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_user(call, person)


@operation(Need.HEAD, errors=(Conflict,))
def delete_user(call: Call, query: DeletionQuery) -> Response:
    """Delete an account for good; projects and annotations stay."""
    services.delete_user(
        call.app, call.principal, call.path_id(), keeps_name=query.keep_name
    )
    return render_nothing()


@operation(Need.HEAD, returns=LinkShape, status=201)
def create_link(call: Call, body: LinkBody) -> Response:
    """A link with which a user sets a new password, once."""
    link = issue_link(
        call.app, call.principal, call.path_id(), LinkPurpose.PASSWORD, body.hours
    )
    shown: LinkShape = {
        "url": build_address(call.request, link.path),
        "expires_at": link.expires_at,
    }
    return render_json(shown, 201)


@operation(Need.HEAD, errors=(Conflict,))
def deactivate_user(call: Call) -> Response:
    """Keep somebody out: sessions end, and tokens and links are revoked."""
    services.deactivate_user(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Need.HEAD)
def activate_user(call: Call) -> Response:
    """Let somebody in again."""
    services.activate_user(call.app, call.principal, call.path_id())
    return render_nothing()

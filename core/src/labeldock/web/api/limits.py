"""/api/organizations/N/limits: what a team may use, and what it does."""

from __future__ import annotations

from typing import Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.services.quotas import managing
from labeldock.services.quotas.managing import LimitView
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json

_PATH: Final = "/api/organizations/{id:int}/limits"
_HOW: Final = " 0: no limit; null: the default of the installation."


class LimitsBody(Body):
    """New limits; what is left out stays."""

    projects: int | None = Field(None, ge=0, description="Most projects." + _HOW)
    storages: int | None = Field(None, ge=0, description="Most storages." + _HOW)
    tasks: int | None = Field(None, ge=0, description="Most tasks." + _HOW)
    members: int | None = Field(None, ge=0, description="Most members." + _HOW)
    bytes: int | None = Field(None, ge=0, description="Most bytes of files." + _HOW)
    runs: int | None = Field(None, ge=0, description="Most runs at a time." + _HOW)


class LimitShape(TypedDict):
    """A limit of a team, None for none, and what is used beside it."""

    name: str
    limit: int | None
    is_default: bool
    used: int


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route(_PATH, GET=list_limits, PATCH=change_limits)]


@operation(Need.MEMBER, returns=list[LimitShape])
def list_limits(call: Call) -> Response:
    """What an organisation may use, and what it uses."""
    found = managing.list_limits(call.app, call.principal, call.path_id())
    return render_json([_shape(each) for each in found])


@operation(Need.ADMIN, returns=list[LimitShape])
def change_limits(call: Call, body: LimitsBody) -> Response:
    """Other limits; syncs that had stopped at one that was raised go on."""
    changed = managing.change_limits(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json([_shape(each) for each in changed])


def _shape(view: LimitView) -> LimitShape:
    return {
        "name": view.name.value,
        "limit": view.limit or None,
        "is_default": view.is_default,
        "used": view.used,
    }

"""Who am I, is the service up, which version is it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import ConfigurationError
from labeldock.db import schema
from labeldock.services import people
from labeldock.services.accounts.organizations import name_organizations
from labeldock.web.api.people import CallerShape, shape_caller
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, operation
from labeldock.web.release import VERSION
from labeldock.web.rendering import render_json


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/health", GET=get_health),
        build_route("/ready", GET=get_readiness),
        build_route("/api/version", GET=get_version),
        build_route("/api/current-user/whoami", GET=get_caller),
    ]


@operation(Need.NOTHING, returns=dict[str, str], tag="service")
def get_health(_call: Call) -> Response:
    """Whether the service answers at all."""
    return render_json({"status": "UP"})


@operation(
    Need.NOTHING,
    returns=dict[str, str],
    answers={503: dict[str, str]},
    tag="service",
)
def get_readiness(call: Call) -> Response:
    """Whether requests can be answered: the database is there, with the right schema.

    503 while it is not. A load balancer asks here, and sends requests elsewhere then.
    """
    try:
        schema.ensure_current(call.app.database)
    except ConfigurationError as error:
        return render_json({"status": "NOT READY", "detail": error.message}, 503)
    return render_json({"status": "READY"})


@operation(Need.NOTHING, returns=dict[str, Any], tag="service")
def get_version(_call: Call) -> Response:
    """The version, under the keys that clients look for."""
    return render_json(
        {
            "release": VERSION,
            "edition": "Community",
            "labeldock": {"version": VERSION},
            "label-studio-os-package": {"version": VERSION},
            "label-studio-os-backend": {},
            "label-studio-frontend": {},
            "dm2": {},
            "label-studio-converter": {},
        }
    )


@operation(Need.LOGIN, returns=CallerShape, tag="users")
def get_caller(call: Call) -> Response:
    """The user whose token or session it is."""
    person = people.get_self(call.app, call.principal)
    titles = name_organizations(call.app, call.principal)
    return render_json(shape_caller(call.principal, person, titles))

"""Who am I, is the service up, which version is it."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from labeldock.web.api.people import shape_caller
from labeldock.web.endpoints import Call, build_public_route, build_route
from labeldock.web.release import VERSION
from labeldock.web.rendering import render_json


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_public_route("/health", GET=get_health),
        build_public_route("/api/version", GET=get_version),
        build_route("/api/current-user/whoami", GET=get_caller),
    ]


def get_health(_call: Call) -> Response:
    """Whether the service answers at all."""
    return render_json({"status": "UP"})


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


def get_caller(call: Call) -> Response:
    """The user whose token or session it is."""
    return render_json(shape_caller(call.principal))

"""/api/secrets/lost: what has to be entered again after a master key was lost."""

from __future__ import annotations

from dataclasses import asdict

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services import lost_secrets
from labeldock.services.lost_secrets import LostSecret
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/api/secrets/lost", GET=list_lost)]


@operation(Need.ADMIN, returns=list[LostSecret])
def list_lost(call: Call) -> Response:
    """Storages and webhooks whose secrets no present master key opens."""
    found = lost_secrets.list_lost(call.app, call.principal)
    return render_json([asdict(each) for each in found])

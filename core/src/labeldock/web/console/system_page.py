"""The installation: what is to be done, who does it, on what it stands."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services.system_state import MOST, load_state
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/system/", GET=show_system)]


@page(Need.ADMIN)
def show_system(call: Call) -> Response:
    """Queue, workers, database, versions; for administrators."""
    state = load_state(call.app, call.principal)
    shell = load_shell(call.request, [Crumb("Projects", "/"), Crumb("System")])
    values = {
        "state": state,
        "most": MOST,
        "alive": [worker for worker in state.workers if worker.is_alive],
    }
    return render_page(call.request, "system.html", values, shell=shell)

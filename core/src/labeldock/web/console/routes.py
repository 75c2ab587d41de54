"""The table of the console's routes."""

from __future__ import annotations

from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from labeldock.web.console import login, pages
from labeldock.web.endpoints import build_public_route, build_route


def list_routes() -> list[Route]:
    """The pages."""
    return [
        build_route("/", GET=pages.show_projects),
        build_route("/projects/{id:int}/", GET=pages.show_project),
        build_public_route(
            login.LOGIN_PATH, GET=login.show_login, POST=login.submit_login
        ),
        build_route("/user/logout/", POST=login.submit_logout),
    ]


def mount_static_files() -> Mount:
    """The stylesheet and the icon, from the package."""
    files = StaticFiles(packages=[("labeldock.web.console", "static")])
    return Mount("/static", app=files, name="static")

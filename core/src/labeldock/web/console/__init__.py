"""The console: pages made on the server, without scripts."""

from __future__ import annotations

from labeldock.web.console.problems import render_problem, wants_page
from labeldock.web.console.routes import list_routes, mount_static_files

__all__ = ["list_routes", "mount_static_files", "render_problem", "wants_page"]

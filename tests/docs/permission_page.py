"""The reference page of permissions, made from the routes of an application.

The routes of storages are the same for each provider, so one stands for all.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.openapi.permissions import render_permissions
from tests.system.conftest import build_app


def render_page():
    with tempfile.TemporaryDirectory() as folder:
        app = build_app(Path(folder) / "home", build_catalog(MemoryProvider()))
        try:
            page = render_permissions(create_app(app).routes)
        finally:
            app.close()
    for folder in ("/api/storages/export/", "/api/storages/"):
        page = page.replace(f"{folder}memory", f"{folder}PROVIDER")
    return page


if __name__ == "__main__":
    sys.stdout.write(render_page())

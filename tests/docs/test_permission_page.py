"""The reference page of permissions says what the routes declare."""

from __future__ import annotations

from pathlib import Path

from tests.docs.permission_page import render_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == render_page(), (
        "run: python -m tests.docs.permission_page > docs/reference/permissions.md"
    )


def test_it_names_routes_of_every_kind():
    page = render_page()

    for line in (
        "| `GET /api/projects/{id}` | `project.view` |",
        "| `DELETE /api/projects/{id}` | `project.delete` |",
        "| `POST /api/storages/export/PROVIDER/{id}/sync` | `project.change` |",
        "| `GET /tasks/{id}/resolve/` | `project.view` |",
        "| `GET /health` | `nothing` |",
    ):
        assert line in page

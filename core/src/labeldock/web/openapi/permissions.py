"""Who may use which route: one table, told by the declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from starlette.routing import BaseRoute

from labeldock.services.access import GRANTS, Permission, Role
from labeldock.web.openapi.entries import Entry, list_entries
from labeldock.web.operations import Need

_HEAD: Final = """# Who may do what

Every route, and what it needs. This page is made from what the routes declare, and a
test asks each of them as every kind of user:
`python -m tests.docs.permission_page > docs/reference/permissions.md`.

What lies in a project needs a permission, which a role in the project gives.
Administrators of the project's organisation, and of the installation, have all of them.
Whoever may not know of a project is told that it is not there (404); whoever knows of
it and may not do something is refused (403). Without a valid login the answer is 401.
A token never permits more than its scopes.
"""
_NEEDS: Final = {
    Need.NOTHING: "no login; a signature or a token in the request, if anything",
    Need.LOGIN: "a login; shows and changes what is the caller's",
    Need.MEMBER: "to be in the organisation",
    Need.HEAD: "to be an administrator of the organisation; one's own needs less",
    Need.ADMIN: "to be an administrator of the installation",
}


def render_permissions(routes: Iterable[BaseRoute]) -> str:
    """The page, as Markdown."""
    entries = sorted(list_entries(routes), key=lambda e: (e.path, e.method))
    shown = [entry for entry in entries if entry.declaration.is_shown]
    pages = [entry for entry in entries if not entry.declaration.is_shown]
    lines = [
        _HEAD,
        *_list_roles(),
        "\n## What else a route may need\n",
        *(f"- `{need.value}`: {text}" for need, text in _NEEDS.items()),
        "\n## The API and media\n",
        *_list_rows(shown),
        "\n## Pages\n",
        *_list_rows(pages),
    ]
    return "\n".join(lines) + "\n"


def list_roles(permission: Permission) -> list[Role]:
    """The roles that give a permission, the least first."""
    least_first = sorted(GRANTS, key=lambda role: len(GRANTS[role]))
    return [role for role in least_first if permission in GRANTS[role]]


def _list_roles() -> Iterator[str]:
    yield "## Roles in a project\n"
    yield "| permission | " + " | ".join(Role) + " |"
    yield "|---|" + "---|" * len(Role)
    for permission in Permission:
        marks = ("yes" if permission in GRANTS[role] else "" for role in Role)
        yield f"| `{permission.value}` | " + " | ".join(marks) + " |"


def _list_rows(entries: Iterable[Entry]) -> Iterator[str]:
    yield "| route | needs | what it does |"
    yield "|---|---|---|"
    for entry in entries:
        summary = entry.summary.replace("|", "\\|")
        needs = entry.declaration.needs.value
        yield f"| `{entry.method} {entry.path}` | `{needs}` | {summary} |"

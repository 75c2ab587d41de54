"""The projects: found, sorted, each with how it stands; and a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services import projects
from labeldock.services.glances import Glance, load_glances
from labeldock.services.projects import ProjectFilter, ProjectView
from labeldock.web.api.paging import Page, read_page
from labeldock.web.console.forms import REFUSALS, Form, read_texts
from labeldock.web.console.notes import go_to
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

_PROJECTS: Final = 24
_ORDERINGS: Final = {
    "-updated_at": "Changed last",
    "-id": "Newest",
    "id": "Oldest",
    "title": "Title",
    "-task_number": "Most tasks",
}
_FIRST: Final = next(iter(_ORDERINGS))


@dataclass(frozen=True, slots=True)
class ProjectCard:
    """A project in the list, with how its storages stand."""

    project: ProjectView
    glance: Glance

    @property
    def health(self) -> tuple[str, str]:
        """In which tone, and in which words."""
        if self.glance.failing:
            return "bad", _count(self.glance.failing, "failed")
        if self.glance.active:
            return "busy", "Syncing"
        if self.glance.flawed:
            return "warn", _count(self.glance.flawed, "with errors")
        if not self.glance.storages:
            return "idle", "No storage"
        return ("good", "Healthy") if self.glance.last_success_at else ("idle", "New")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/", GET=show_projects),
        build_route("/projects/new/", GET=show_new, POST=create),
    ]


@page(Need.LOGIN)
def show_projects(call: Call) -> Response:
    """The projects of whoever asks: those that are looked for, as they are sorted."""
    part = read_page(call, size=_PROJECTS, largest=_PROJECTS)
    wanted = call.query_text("search") or ""
    ordering = call.query_text("sort") or _FIRST
    chosen = ProjectFilter(
        search=wanted, ordering=ordering if ordering in _ORDERINGS else _FIRST
    )
    found, total = projects.list_projects(
        call.app, call.principal, offset=part.offset, limit=part.size, chosen=chosen
    )
    part.check_end(total)
    glances = load_glances(call.app, call.principal, [each.id for each in found])
    cards = [ProjectCard(each, glances[each.id]) for each in found]
    values = {
        "cards": cards,
        "may_create": projects.may_create(call.app, call.principal),
        "total": total,
        "wanted": wanted,
        "ordering": chosen.ordering,
        "orderings": _ORDERINGS,
        "is_active": any(card.glance.active for card in cards),
        "pager_of": number_pages(part, total),
        "query": {"search": wanted, "sort": call.query_text("sort") or ""},
    }
    return render_page(call.request, "projects.html", values)


@page(Need.LOGIN)
def show_new(call: Call, form: Form | None = None) -> Response:
    """The form for a new project, or why there is none.

    Raises:
        NotAllowed: they may not make one anywhere.
    """
    projects.require_home(call.app, call.principal)
    shell = load_shell(call.request, [Crumb("Projects", "/"), Crumb("New project")])
    return render_page(
        call.request,
        "project_new.html",
        {"form": form or Form()},
        shell=shell,
        status=400 if form else 200,
    )


@page(Need.LOGIN)
def create(call: Call) -> Response:
    """Make a project; its page says what comes next."""
    values = read_texts(call, "title", "description")
    try:
        made = projects.create_project(call.app, call.principal, values)
    except REFUSALS as error:
        return show_new(call, Form.refused(values, error))
    return go_to(call.request, f"/projects/{made.id}/", "project-created")


def number_pages(page: Page, total: int) -> dict[str, Any]:
    """What the macro `pager` shows."""
    last = max(1, -(-total // page.size))
    return {
        "number": page.number,
        "last": last,
        "previous": page.number - 1 if page.number > 1 else None,
        "next": page.number + 1 if page.number < last else None,
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number > 1 else what.capitalize()

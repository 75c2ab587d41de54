"""What stands around a page: where it is, and where one can go from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from starlette.requests import Request

from labeldock.services import projects
from labeldock.services.projects import ProjectFilter, ProjectView
from labeldock.web.context import context_of

_SWITCHER: Final = 12


class Crumb(NamedTuple):
    """A step on the way to a page; the page itself is the last, without a path."""

    title: str
    path: str = ""


class Link(NamedTuple):
    """An entry of a project's navigation."""

    title: str
    path: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Shell:
    """What the layout shows around a page."""

    projects: Sequence[ProjectView] = ()
    project: ProjectView | None = None
    links: tuple[Link, ...] = ()
    crumbs: tuple[Crumb, ...] = ()
    is_admin: bool = False


def load_shell(request: Request, crumbs: Sequence[Crumb] = ()) -> Shell:
    """The shell of a page that is about no project; also where nobody is logged in."""
    context = context_of(request)
    if context.user is None:
        return Shell()
    recent = ProjectFilter(ordering="-updated_at")
    found, _ = projects.list_projects(
        context.app, context.user, limit=_SWITCHER, chosen=recent
    )
    return Shell(found, crumbs=tuple(crumbs), is_admin=context.user.is_admin)

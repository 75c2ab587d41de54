"""Pages of a project: opened with `open_project`, which says who may do what there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from labeldock.services import projects, standing
from labeldock.services.access import Permission
from labeldock.services.projects import ProjectView
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, Link, load_shell
from labeldock.web.endpoints import Call


class Section(NamedTuple):
    """An entry of a project's navigation; only for those who may use it."""

    name: str
    title: str
    permission: Permission = Permission.VIEW


# In the order in which they are shown; the path is the name, below the project's.
SECTIONS: Final = (
    Section("", "Overview"),
    Section("tasks", "Tasks"),
    Section("storages", "Storages"),
    Section("runs", "Runs"),
    Section("errors", "Errors"),
    Section("media", "Media"),
    Section("backups", "Backups", Permission.MANAGE),
    Section("webhooks", "Webhooks", Permission.MANAGE),
    Section("members", "Members"),
    Section("audit", "Audit log", Permission.OWN),
    Section("settings", "Settings", Permission.MANAGE),
)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A project as a page opens it: what it is, and what the reader may do there."""

    call: Call
    project: ProjectView
    permissions: frozenset[Permission]
    section: str

    @property
    def path(self) -> str:
        """Where the project's pages are; ends with a slash."""
        return f"/projects/{self.project.id}/"

    @property
    def may_manage(self) -> bool:
        """Whether forms that change the project or its storages are offered."""
        return Permission.MANAGE in self.permissions

    @property
    def may_annotate(self) -> bool:
        """Whether forms that label are offered."""
        return Permission.ANNOTATE in self.permissions

    @property
    def may_delete(self) -> bool:
        """Whether the project itself may be deleted."""
        return Permission.OWN in self.permissions

    def render(
        self,
        template: str,
        values: dict[str, Any],
        *,
        crumbs: Sequence[Crumb] = (),
        status: int = 200,
    ) -> Response:
        """A page of the project; templates find it as `place` and `project`."""
        shell = replace(
            load_shell(self.call.request, self._lead_to(crumbs)),
            project=self.project,
            links=tuple(self._link()),
        )
        return render_page(
            self.call.request,
            template,
            {"place": self, "project": self.project, **values},
            shell=shell,
            status=status,
        )

    def _lead_to(self, crumbs: Sequence[Crumb]) -> list[Crumb]:
        title = next(s.title for s in SECTIONS if s.name == self.section)
        way = [Crumb("Projects", "/"), Crumb(self.project.title, self.path)]
        if self.section:
            way.append(Crumb(title, f"{self.path}{self.section}/"))
        return [*way, *crumbs]

    def _link(self) -> list[Link]:
        return [
            Link(
                section.title,
                f"{self.path}{section.name}/" if section.name else self.path,
                section.name == self.section,
            )
            for section in SECTIONS
            if section.permission in self.permissions
        ]


def open_project(
    call: Call, section: str, permission: Permission = Permission.VIEW
) -> Workplace:
    """The project that a path names as `id`, for a page of one of its sections.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    project = projects.get_project(call.app, call.principal, call.path_id())
    granted = standing.list_permissions(
        call.app, call.principal, project.id, needed=permission
    )
    return Workplace(call, project, granted, section)

"""The project that a body names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services import projects
from labeldock.web.endpoints import Call
from labeldock.web.fields import parse_integer
from labeldock.web.inputs import Query, Whole


class ProjectQuery(Query):
    """The project that a list is about."""

    project: Whole | None = Field(default=None, description="Number of a project.")

    def require(self) -> int:
        """The number of the project.

        Raises:
            InvalidInput: there is none.
        """
        if self.project is None:
            raise InvalidInput('query parameter "project" is required')
        return self.project


def read_project_id(call: Call, values: Mapping[str, Any]) -> int:
    """The number of an existing project, from the field `project`.

    Raises:
        InvalidInput: it is missing, not a number, or there is no such project.
        NotAllowed: it is somebody else's.
    """
    value = values.get("project")
    if value is None or value == "":
        raise InvalidInput(
            "This field is required.",
            field="project",
            remedy="Give the number of the project.",
        )
    project_id = parse_integer(value, "project")
    try:
        projects.get_project(call.app, call.principal, project_id)
    except NotFound:
        raise InvalidInput(
            f'Invalid pk "{project_id}" - object does not exist.', field="project"
        ) from None
    return project_id

"""Values of columns that are found when a row is written."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.engine.default import DefaultExecutionContext

_FIND_TEAM: Final = text(
    "SELECT organization_id FROM project WHERE id = :id"
).bindparams(bindparam("id"))


def find_team(context: DefaultExecutionContext) -> int | None:
    """The team that the project of a row belongs to; None without a project."""
    values = context.get_current_parameters()  # type: ignore[no-untyped-call]
    project_id = values.get("project_id")
    if project_id is None:
        return None
    found = context.connection.execute(_FIND_TEAM, {"id": project_id}).scalar()
    return None if found is None else int(found)

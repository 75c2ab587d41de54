"""The limits of a team: what an administrator set for it, else by the settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col, select

from labeldock.db.teams import TeamLimit
from labeldock.settings import Settings


class Limit(StrEnum):
    """What can be limited; the value is the name in the API and in settings."""

    PROJECTS = "projects"
    STORAGES = "storages"
    TASKS = "tasks"
    MEMBERS = "members"
    BYTES = "bytes"
    RUNS = "runs"


def find_default(settings: Settings, limit: Limit) -> int:
    """The limit of a team for which none was set; 0 is none."""
    value: Any = getattr(settings, f"team_max_{limit}")
    return int(value)


def find_limit(
    settings: Settings, connection: Connection, organization_id: int, limit: Limit
) -> int:
    """How much of something a team may use; 0 is as much as it likes."""
    query = select(TeamLimit.value).where(
        TeamLimit.organization_id == organization_id, TeamLimit.name == limit.value
    )
    own = connection.execute(query).scalar()
    return find_default(settings, limit) if own is None else own


def find_limits(connection: Connection, limit: Limit) -> dict[int, int]:
    """The limits that were set, by team."""
    query = select(TeamLimit.organization_id, TeamLimit.value)
    rows = connection.execute(query.where(col(TeamLimit.name) == limit.value))
    return {row[0]: row[1] for row in rows}


def find_own(connection: Connection, organization_id: int) -> dict[str, int]:
    """What was set for a team, by name."""
    query = select(TeamLimit.name, TeamLimit.value)
    rows = connection.execute(
        query.where(col(TeamLimit.organization_id) == organization_id)
    )
    return {row[0]: row[1] for row in rows}

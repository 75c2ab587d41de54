"""How much a team uses of what can be limited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import col, func, select

from labeldock.db.accounts import OrganizationMember
from labeldock.db.archives import StoredFile
from labeldock.db.partitions import Part
from labeldock.db.tables import ACTIVE_RUN_STATES, Project, Run, Storage
from labeldock.services.quotas.limits import Limit


def measure(connection: Connection, organization_id: int, limit: Limit) -> int:
    """How much of something a team uses now; bytes, or how many."""
    return sum(
        int(connection.execute(query).scalar() or 0)
        for query in _QUERIES[limit](organization_id)
    )


def _select_projects(team: int) -> tuple[Any, ...]:
    return (select(func.count()).where(col(Project.organization_id) == team),)


def _select_storages(team: int) -> tuple[Any, ...]:
    query = select(func.count(col(Storage.id))).join(
        Project, col(Project.id) == col(Storage.project_id)
    )
    return (query.where(col(Project.organization_id) == team),)


def _select_tasks(team: int) -> tuple[Any, ...]:
    query = select(func.sum(col(Project.task_number)))
    return (query.where(col(Project.organization_id) == team),)


def _select_members(team: int) -> tuple[Any, ...]:
    return (
        select(func.count()).where(col(OrganizationMember.organization_id) == team),
    )


def _select_bytes(team: int) -> tuple[Any, ...]:
    query = select(func.sum(col(StoredFile.size))).join(
        Project, col(Project.id) == col(StoredFile.project_id)
    )
    return (query.where(col(Project.organization_id) == team),)


def _select_runs(team: int) -> tuple[Any, ...]:
    """Whatever is in somebody's hands: runs, and parts of runs."""
    runs = select(func.count(col(Run.id))).where(
        col(Run.state).in_(ACTIVE_RUN_STATES),
        col(Run.lease_owner) != "",
        func.coalesce(Run.organization_id, 0) == team,
    )
    parts = (
        select(func.count(col(Part.id)))
        .join(Run, col(Run.id) == col(Part.run_id))
        .where(col(Part.state) == "in_progress", col(Part.lease_owner) != "")
        .where(func.coalesce(Run.organization_id, 0) == team)
    )
    return runs, parts


_QUERIES: Final[Mapping[Limit, Callable[[int], tuple[Any, ...]]]] = {
    Limit.PROJECTS: _select_projects,
    Limit.STORAGES: _select_storages,
    Limit.TASKS: _select_tasks,
    Limit.MEMBERS: _select_members,
    Limit.BYTES: _select_bytes,
    Limit.RUNS: _select_runs,
}

"""Whether a team may use more: asked in the transaction that uses it.

Whoever adds to what is limited locks the team's row before it counts, and holds it
until the commit: two that add at once count one after the other. A team without a limit
is neither locked nor counted. Within a transaction the row comes after a run's and
before a project's.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection
from sqlmodel import col, select

from labeldock.contract.errors import NotAllowed
from labeldock.db.accounts import Organization
from labeldock.db.tables import Project
from labeldock.services.context import AppContext
from labeldock.services.quotas.limits import Limit, find_limit
from labeldock.services.quotas.usage import measure

_REMEDIES: Final = {
    Limit.PROJECTS: "Delete projects that are not needed",
    Limit.STORAGES: "Delete storages that are not needed",
    Limit.TASKS: "Delete tasks that are not needed",
    Limit.MEMBERS: "Remove members who are not there any more",
    Limit.BYTES: "Delete backups and uploads that are not needed",
    Limit.RUNS: "Wait until a run has ended",
}


class QuotaExceeded(NotAllowed):
    """A team would use more than it may; what was there before stays."""

    code = "quota_exceeded"


def find_team(connection: Connection, project_id: int) -> int:
    """The team of a project; 0 if there is no such project."""
    query = select(Project.organization_id).where(Project.id == project_id)
    return int(connection.execute(query).scalar() or 0)


def require_room(
    app: AppContext,
    connection: Connection,
    organization_id: int,
    limit: Limit,
    more: int = 1,
) -> None:
    """Check that a team may use so much more of something.

    Raises:
        QuotaExceeded: it may not; names the limit and what to do.
    """
    room = find_room(app, connection, organization_id, limit)
    if room is None or more <= room:
        return
    most = find_limit(app.settings, connection, organization_id, limit)
    used = measure(connection, organization_id, limit)
    raise QuotaExceeded(
        f"The team's limit of {most:,} {limit.value} does not allow {more:,} more: it "
        f"uses {used:,}.",
        field=limit.value,
        remedy=f"{_REMEDIES[limit]}, or have an administrator of the installation "
        "raise the limit.",
        limit=most,
        used=used,
    )


def require_team_room(
    app: AppContext,
    connection: Connection,
    project_id: int,
    limit: Limit,
    more: int = 1,
) -> None:
    """The same for the team of a project.

    Raises:
        QuotaExceeded: it may not have so much more.
    """
    require_room(app, connection, find_team(connection, project_id), limit, more)


def find_room(
    app: AppContext, connection: Connection, organization_id: int, limit: Limit
) -> int | None:
    """How much more a team may use, 0 at the least; None for as much as it likes.

    In a write transaction nobody else takes of it before the end.
    """
    most = find_limit(app.settings, connection, organization_id, limit)
    if not most:
        return None
    # Not against rows that refer to the team: those are written all the time.
    row = select(Organization.id).where(col(Organization.id) == organization_id)
    connection.execute(row.with_for_update(key_share=True))
    return max(0, most - measure(connection, organization_id, limit))

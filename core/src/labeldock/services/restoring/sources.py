"""The storages out of which somebody may restore an archive."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from labeldock.db.tables import Project, Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Source:
    """A storage, as a list to choose from shows it.

    Attributes:
        storage_id: its number.
        project: the title of its project.
        title: its own, which may be empty.
        location: what precedes the keys in it.
    """

    storage_id: int
    project: str
    title: str
    location: str


def list_sources(app: AppContext, principal: Principal, *, most: int) -> list[Source]:
    """The newest storages of the projects that somebody manages."""
    query = (
        select(Storage, Project.title)
        .join(Project, col(Project.id) == col(Storage.project_id))
        .where(col(Storage.project_id).in_(access.select_known(principal)))
        .order_by(col(Storage.id).desc())
        .limit(most)
    )
    with app.database.read() as session:
        found = session.exec(query).all()
        projects = {storage.project_id for storage, _ in found}
        managed = {
            number
            for number in projects
            if (standing := access.find_standing(session, principal, number))
            and Permission.MANAGE in standing.permissions
        }
    return [
        Source(
            storage.id, title, storage.title or "", storage.base_uri + storage.prefix
        )
        for storage, title in found
        if storage.project_id in managed
    ]

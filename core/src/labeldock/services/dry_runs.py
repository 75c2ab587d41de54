"""Dry runs: what a sync of an import storage would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.partitions import RunObject
from labeldock.db.tables import Run, Storage
from labeldock.services import access, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.importing.dry_run import CATEGORIES
from labeldock.services.runs import RunView


@dataclass(frozen=True, slots=True)
class RunObjectView:
    """An object that a dry run lists."""

    id: int
    category: str
    key: str


def request_dry_run(app: AppContext, principal: Principal, storage_id: int) -> RunView:
    """Ask for a dry run; the active one is given back, not doubled.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: it is not an import storage.
    """
    with app.database.write() as session:
        storage = session.get(Storage, storage_id)
        missing = NotFound(f"There is no storage {storage_id}.", field="storage")
        if storage is None:
            raise missing
        project_id = storage.project_id
        access.require(
            session, principal, project_id, Permission.MANAGE, hidden=missing
        )
        if storage.purpose != Purpose.IMPORT:
            raise InvalidInput(
                "Only the sync of an import storage can be tried out.",
                field="dry_run",
                remedy="Leave dry_run out.",
            )
        run, _ = runs.request_run(
            session, storage, requested_by_id=principal.user_id, is_dry=True
        )
        session.flush()
        session.refresh(run)
        view = runs.view_run(run)
    app.bell.ring_run(view.id, view.kind)
    return view


def list_run_objects(
    app: AppContext,
    principal: Principal,
    run_id: int,
    *,
    category: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[RunObjectView]:
    """Objects that a dry run lists, in order; `after` is the last id seen.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: there is no such category.
    """
    if category is not None and category not in CATEGORIES:
        raise InvalidInput(
            f"There is no category {category!r}.",
            field="category",
            remedy=f"Give one of {', '.join(CATEGORIES)}, or none for all.",
        )
    query = select(RunObject).where(
        RunObject.run_id == run_id, col(RunObject.id) > after
    )
    if category is not None:
        query = query.where(RunObject.category == category)
    with app.database.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotFound(f"Run {run_id} does not exist.", field="run")
        runs.require_for_run(session, principal, run, Permission.VIEW)
        found = session.exec(query.order_by(col(RunObject.id)).limit(limit))
        return [RunObjectView(row.id, row.category, row.key) for row in found]

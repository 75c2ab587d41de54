"""The outbox: what an export storage should hold under a key, and what was delivered.

State, not a log: one row per key, written in the transaction of the change that it is
about. Several changes of one key collapse into the newest. Versions are counters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, case, col, delete, or_, select, update

from labeldock.contract.values import Purpose
from labeldock.db.tables import (
    Annotation,
    ExportLink,
    Outbox,
    RunError,
    Storage,
    utc_now,
)
from labeldock.db.types import database_now
from labeldock.services.context import AppContext
from labeldock.services.exporting.keys import build_key, is_task_mode

_TABLE: Final = Outbox.__table__  # type: ignore[attr-defined]


def want_annotation(
    app: AppContext, session: Session, annotation: Annotation
) -> list[int]:
    """Queue a new or changed annotation for every export storage of its project.

    Returns the numbers of the storages that have something to deliver.
    """
    storages = _list_storages(session, annotation.project_id)
    for storage in storages:
        _want(session, app, storage, annotation, "present")
    return [storage.id for storage in storages]


def unwant_annotation(
    app: AppContext, session: Session, annotation: Annotation
) -> list[int]:
    """Queue what the removal of an annotation means for its export storages.

    A file that holds the task is written again while another annotation remains; any
    other object of ours is removed where the storage may delete, and left otherwise.
    """
    touched = []
    for storage in _list_storages(session, annotation.project_id):
        if is_task_mode(app.settings) and _has_siblings(session, annotation):
            _want(session, app, storage, annotation, "present")
        elif storage.can_delete_objects and _is_ours(session, app, storage, annotation):
            _want(session, app, storage, annotation, "absent")
        else:
            _forget(session, app, storage, annotation)
            continue
        touched.append(storage.id)
    return touched


def _list_storages(session: Session, project_id: int) -> list[Storage]:
    query = select(Storage).where(
        Storage.project_id == project_id, Storage.purpose == Purpose.EXPORT
    )
    # Held, so that none is removed between here and its row of the outbox.
    held = query.order_by(col(Storage.id)).with_for_update(read=True, key_share=True)
    return list(session.exec(held))


def _has_siblings(session: Session, annotation: Annotation) -> bool:
    query = select(Annotation.id).where(
        Annotation.task_id == annotation.task_id, Annotation.id != annotation.id
    )
    return session.exec(query.limit(1)).first() is not None


def _is_ours(
    session: Session, app: AppContext, storage: Storage, annotation: Annotation
) -> bool:
    """Whether we have written, or may have, what lies under the annotation's key."""
    key = build_key(app.settings, storage, annotation.id, annotation.task_id)
    tried = select(Outbox.id).where(
        Outbox.storage_id == storage.id, Outbox.key == key, Outbox.lease_token > 0
    )
    known = select(ExportLink.id).where(
        ExportLink.storage_id == storage.id, ExportLink.key == key
    )
    return any(session.exec(query).first() is not None for query in (tried, known))


def _want(
    session: Session,
    app: AppContext,
    storage: Storage,
    annotation: Annotation,
    wanted: str,
) -> None:
    values = {
        "storage_id": storage.id,
        "key": build_key(app.settings, storage, annotation.id, annotation.task_id),
        "annotation_id": annotation.id,
        "task_id": annotation.task_id,
        "wanted": wanted,
        "updated_at": utc_now(),
        **_FRESH,
    }
    session.execute(_upsert(session.connection()), [values])


_FRESH: Final[dict[str, Any]] = {
    "wanted_version": 1,
    "delivered_version": 0,
    "attempts": 0,
    "has_failed": False,
    "lease_token": 0,
}


def _upsert(connection: Connection) -> Any:  # the two dialects' inserts share no type
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    # Due by the database's clock, by which it will be found due.
    insert = dialect.insert(_TABLE).values(due_at=database_now())
    return insert.on_conflict_do_update(
        index_elements=["storage_id", "key"], set_=_renewal(insert)
    )


def _renewal(insert: Any) -> dict[str, Any]:
    new = insert.excluded
    run_id = func.coalesce(new.run_id, _TABLE.c.run_id)
    return {
        "wanted": new.wanted,
        "wanted_version": _TABLE.c.wanted_version + 1,
        "annotation_id": new.annotation_id,
        "task_id": new.task_id,
        # A run counts what it delivers, so a removal is none of its business.
        "run_id": case((new.wanted == "present", run_id), else_=None),
        "attempts": 0,
        "has_failed": False,
        "problem": None,
        "due_at": new.due_at,
        "updated_at": new.updated_at,
    }


def _forget(
    session: Session, app: AppContext, storage: Storage, annotation: Annotation
) -> None:
    """Nothing more is to be written; an upload under way may still arrive."""
    key = build_key(app.settings, storage, annotation.id, annotation.task_id)
    session.execute(
        update(Outbox)
        .where(col(Outbox.storage_id) == storage.id, col(Outbox.key) == key)
        .values(
            delivered_version=col(Outbox.wanted_version), has_failed=False, run_id=None
        )
    )


# Whole projects


@dataclass(frozen=True, slots=True)
class Stocktaking:
    """One page of a project's annotations queued for a run."""

    queued: int
    last_id: int | None


def want_page(
    app: AppContext,
    connection: Connection,
    storage: Storage,
    *,
    run_id: int,
    after: int,
    limit: int,
) -> Stocktaking:
    """Queue the next annotations of a project for a storage, as part of a run."""
    query = (
        select(col(Annotation.id), col(Annotation.task_id))
        .where(Annotation.project_id == storage.project_id, col(Annotation.id) > after)
        .order_by(col(Annotation.id))
        .limit(limit)
    )
    found = connection.execute(query).all()
    rows = {
        build_key(app.settings, storage, annotation_id, task_id): {
            "storage_id": storage.id,
            "annotation_id": annotation_id,
            "task_id": task_id,
            "run_id": run_id,
            "wanted": "present",
            "updated_at": utc_now(),
            **_FRESH,
        }
        for annotation_id, task_id in found
    }
    if rows:
        connection.execute(
            _upsert(connection), [{**row, "key": key} for key, row in rows.items()]
        )
    return Stocktaking(len(rows), found[-1][0] if found else None)


def count_run(connection: Connection, run_id: int) -> dict[str, int]:
    """How the deliveries of a run stand: total, delivered, failed, waiting."""
    done = _TABLE.c.delivered_version >= _TABLE.c.wanted_version
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(done),
            func.count().filter(~done & _TABLE.c.has_failed),
        ).where(_TABLE.c.run_id == run_id)
    ).one()
    total, delivered, failed = row
    return {
        "total": total,
        "delivered": delivered,
        "failed": failed,
        "waiting": total - delivered - failed,
    }


def revive_failed(session: Session, run_id: int) -> None:
    """Make what a run gave up due again, for its retry."""
    session.execute(
        update(Outbox)
        .where(col(Outbox.run_id) == run_id, col(Outbox.has_failed))
        .values(has_failed=False, attempts=0, due_at=database_now())
    )
    session.execute(delete(RunError).where(col(RunError.run_id) == run_id))


def list_pending_storages(app: AppContext) -> list[int]:
    """Export storages that have something due, for the poll."""
    query = select(col(Outbox.storage_id)).where(*due_conditions()).distinct()
    with app.database.read() as session:
        return list(session.exec(query))


def due_conditions() -> tuple[Any, ...]:
    """What makes a row of the outbox due: behind, not given up, not held."""
    return (
        col(Outbox.delivered_version) < col(Outbox.wanted_version),
        col(Outbox.has_failed).is_(False),
        col(Outbox.due_at) <= database_now(),
        or_(
            col(Outbox.lease_expires_at).is_(None),
            col(Outbox.lease_expires_at) < database_now(),
        ),
    )


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How many keys of an export storage are delivered, waiting, and given up."""

    delivered: int
    waiting: int
    failed: int


def count_deliveries(session: Session, storage_id: int) -> Deliveries:
    """How the deliveries of a storage stand, whoever asked for them."""
    is_done = _TABLE.c.delivered_version >= _TABLE.c.wanted_version
    wanted = _TABLE.c.wanted == "present"
    row = session.execute(
        select(
            func.count().filter(is_done & wanted),
            func.count().filter(~is_done & ~_TABLE.c.has_failed),
            func.count().filter(~is_done & _TABLE.c.has_failed),
        ).where(_TABLE.c.storage_id == storage_id)
    ).one()
    return Deliveries(*row)

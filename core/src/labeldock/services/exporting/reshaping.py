"""An export storage whose files are to be others from now on: all are written anew."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, delete, select, update

from labeldock.contract.errors import Conflict
from labeldock.contract.values import Purpose
from labeldock.db.tables import ExportLink, Outbox, Run, Storage
from labeldock.services import runs
from labeldock.services.exporting.plans import SHAPING_FIELDS

_SHAPE = (*SHAPING_FIELDS, "prefix", "literal_prefix", "base_uri")


def read_shape(storage: Storage) -> dict[str, Any]:
    """What decides which files there are, and where."""
    return {name: getattr(storage, name) for name in _SHAPE}


def reshape(session: Session, storage: Storage, before: dict[str, Any]) -> Run | None:
    """After a change of the shape: forget the old keys, and have a run write the new.

    What lies under the old keys stays, and is still known where the bucket is the same.
    None if the shape is what it was, or nothing was ever written.

    Raises:
        Conflict: a run is at work on the storage.
    """
    if storage.purpose != Purpose.EXPORT or read_shape(storage) == before:
        return None
    was_used = _forget_keys(session, storage)
    if storage.base_uri != before["base_uri"]:
        session.execute(
            delete(ExportLink).where(col(ExportLink.storage_id) == storage.id)
        )
    if not was_used:
        return None
    run, is_new = runs.request_run(
        session, storage, requested_by_id=None, trigger="change"
    )
    if run.state != "queued":
        raise Conflict(
            f"Storage {storage.id} is being synced by run {run.id}.",
            field="storage",
            remedy=f"Cancel the run first: labeldock run cancel {run.id}",
        )
    run.options = {**run.options, "only_new": False}
    if not is_new:
        run.checkpoint, run.counts = {}, {}
    return run


def _forget_keys(session: Session, storage: Storage) -> bool:
    """Whether there were any."""
    known = select(ExportLink.id).where(ExportLink.storage_id == storage.id)
    has_links = session.exec(known.limit(1)).first() is not None
    forgotten = session.execute(
        delete(Outbox).where(col(Outbox.storage_id) == storage.id)
    )
    # None of them is what would be written now.
    session.execute(
        update(ExportLink)
        .where(col(ExportLink.storage_id) == storage.id)
        .values(content_version=0)
    )
    return has_links or bool(forgotten.rowcount)  # type: ignore[attr-defined]

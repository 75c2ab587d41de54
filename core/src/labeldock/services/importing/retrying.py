"""Files that gave no task, to be read once more although they have not changed."""

from __future__ import annotations

from sqlmodel import Session, col, delete

from labeldock.db.tables import ImportLink

_WITHOUT_TASK = ("failed", "empty")


def forget_failures(session: Session, storage_id: int) -> None:
    """Forget that files failed or were empty: whatever lists them takes them as new."""
    session.execute(
        delete(ImportLink).where(
            col(ImportLink.storage_id) == storage_id,
            col(ImportLink.state).in_(_WITHOUT_TASK),
        )
    )

"""How long archives are kept: those that somebody asked for, and those of a plan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlmodel import Session, col, or_, select

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import DeleteRequest
from labeldock.db.archives import BackgroundRequest, BackupPlan
from labeldock.db.columns import utc_now
from labeldock.db.tables import ACTIVE_RUN_STATES, Run
from labeldock.services.backups.jobs import BackupJob
from labeldock.services.connections import load_connection
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import expire_file

_BATCH: Final = 100
_GOOD: Final = ("completed", "completed_with_errors")
_BAD: Final = ("failed", "cancelled")
_FAILED: Final = timedelta(days=30)
"""How long requests are shown that came to nothing."""
_log = structlog.get_logger(__name__)


def find_expiry(app: AppContext, session: Session, job: BackupJob) -> datetime | None:
    """Until when an archive is kept that is finished now; None while its plan lasts."""
    if not job.is_scheduled:
        return utc_now() + timedelta(hours=app.settings.backup_keep_hours)
    plan = session.get(BackupPlan, job.chosen.project_id)
    if plan is None or plan.keep_days is None:
        return None
    return utc_now() + timedelta(days=plan.keep_days)


def retire_backups(session: Session, project_id: int) -> None:
    """Have the archives of a plan end that are more than it keeps; oldest first."""
    plan = session.get(BackupPlan, project_id)
    if plan is None or plan.keep_count is None:
        return
    query = (
        select(BackgroundRequest)
        .join(Run, col(Run.id) == col(BackgroundRequest.run_id))
        .where(
            BackgroundRequest.project_id == project_id,
            col(BackgroundRequest.is_scheduled),
            col(Run.state).in_(_GOOD),
        )
        .order_by(col(BackgroundRequest.id).desc())
        .offset(plan.keep_count)
    )
    for request in session.exec(query):
        request.expires_at = utc_now()


def sweep_requests(app: AppContext, now: datetime | None = None) -> int:
    """Forget requests whose time is over, and remove what they left in buckets.

    Returns how many. Files in the persistent storage are removed by its own sweep.
    """
    now = now or utc_now()
    query = (
        select(BackgroundRequest.id)
        .join(Run, col(Run.id) == col(BackgroundRequest.run_id))
        .where(
            or_(
                col(BackgroundRequest.expires_at) <= now,
                col(Run.state).in_(_BAD) & (col(Run.finished_at) <= now - _FAILED),
            ),
            col(Run.state).not_in(ACTIVE_RUN_STATES),
        )
        .limit(_BATCH)
    )
    with app.database.read() as session:
        found = list(session.exec(query))
    return sum(_forget(app, request_id) for request_id in found)


def _forget(app: AppContext, request_id: int) -> bool:
    with app.database.read() as session:
        request = session.get(BackgroundRequest, request_id)
        is_alone = request is not None and not _is_replaced(session, request)
    if request is None:
        return False
    if request.result_key and request.storage_id is not None and is_alone:
        try:
            connection = load_connection(app, request.storage_id)
            deletion = DeleteRequest(request.result_key)
            connection.provider.delete_annotation(connection.ref, deletion)
        except LabeldockError as error:
            _log.warning("archive_not_removed", reason=error.message)
            return False
    with app.database.write() as session:
        row = session.get(BackgroundRequest, request_id)
        if row is not None:
            if row.file_id is not None:
                expire_file(session, row.file_id)
            session.delete(row)
    return True


def _is_replaced(session: Session, request: BackgroundRequest) -> bool:
    """Whether what lies under its key is the archive of another request by now."""
    query = select(BackgroundRequest.id).where(
        BackgroundRequest.storage_id == request.storage_id,
        BackgroundRequest.result_key == request.result_key,
        BackgroundRequest.id != request.id,
    )
    return session.exec(query.limit(1)).first() is not None

"""One slice of a backup: all of it. The archive is made here, and then put in place.

An archive is made in one go, in a folder of its own, by whoever holds the run; one who
is killed leaves that folder, which the next one removes and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session, col, delete, func, select

from labeldock.contract.errors import StorageError
from labeldock.contract.values import FileContent, WriteRequest
from labeldock.db.archives import BackgroundRequest, StoredFile
from labeldock.db.tables import ImportLink, Project, RunError, Storage
from labeldock.db.types import escape_text
from labeldock.services import leases
from labeldock.services.backups.jobs import BackupJob, read_job
from labeldock.services.backups.progress import Progress, Stopped
from labeldock.services.backups.retention import find_expiry, retire_backups
from labeldock.services.backups.workplaces import open_workplace, require_space
from labeldock.services.backups.writing import Made, Writer
from labeldock.services.connections import load_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.bundles import WatchedContent
from labeldock.services.leases import Lease
from labeldock.services.persistent.files import NewFile, note_saved, reserve_file
from labeldock.services.persistent.folder import full_disk_told
from labeldock.services.persistent.store import open_store
from labeldock.services.storage_fields import join_prefix

ZIP: Final = "application/zip"
_RECORD_BYTES: Final = 300  # about what a record takes in an archive
_MOST_ERRORS: Final = 10_000
Also = Callable[[Session], None]


def backup_slice(app: AppContext, lease: Lease) -> bool:
    """Make the archive of a run and put it where it belongs; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: it cannot be made; nothing of it is left.
    """
    job = read_job(lease.project_id, lease.run_id, lease.options)
    with full_disk_told(), open_workplace(app, lease) as folder:
        require_space(folder, _estimate(app, job))
        progress = Progress(app, lease, _expect(app, job))
        _forget_errors(app, lease)
        writer = Writer(app, job, progress, _Problems(app, lease).note)
        try:
            made = writer.write(folder, folder / "archive.zip")
            progress.tell()
        except Stopped:
            leases.hand_back(app, lease)
            return False
        delivery = _Delivery(app, lease, job, made, progress)
        also = delivery.deliver(folder / "archive.zip")
    state = "completed_with_errors" if made.missing else "completed"
    leases.finish(app, lease, state, also=also)
    return True


def _estimate(app: AppContext, job: BackupJob) -> int:
    """About how many bytes the archive takes: what is known of the objects' sizes."""
    records = _expect(app, job) * _RECORD_BYTES
    if job.lightweight or job.chosen.task_ids is not None:
        return records
    query = (
        select(func.sum(ImportLink.size))
        .join(Storage, col(Storage.id) == col(ImportLink.storage_id))
        .where(
            Storage.project_id == job.chosen.project_id,
            col(Storage.use_blob_urls),
            col(ImportLink.task_id).is_not(None),
        )
    )
    with app.database.read() as session:
        return records + int(session.exec(query).first() or 0)


def _expect(app: AppContext, job: BackupJob) -> int:
    """About how many records there are."""
    with app.database.read() as session:
        project = session.get_one(Project, job.chosen.project_id)
        if job.chosen.task_ids is not None:
            return 3 * len(job.chosen.task_ids)
        said = project.total_annotations_number + project.total_predictions_number
        return 2 * project.task_number + said


def _forget_errors(app: AppContext, lease: Lease) -> None:
    """An attempt before this one may have noted some."""
    with app.database.write() as session:
        session.execute(delete(RunError).where(col(RunError.run_id) == lease.run_id))


class _Problems:
    """Notes why objects are not in the archive, each as an error of the run."""

    def __init__(self, app: AppContext, lease: Lease) -> None:
        self._app, self._lease = app, lease
        self._count = 0

    def note(self, key: str, error: StorageError) -> None:
        self._count += 1
        if self._count > _MOST_ERRORS:  # the archive lists them all
            return
        row = RunError(
            run_id=self._lease.run_id,
            key=key,
            code=error.code,
            message=escape_text(error.message),
            remedy=error.remedy and escape_text(error.remedy),
        )
        with self._app.database.write() as session:
            session.add(row)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Puts a finished archive where it belongs."""

    app: AppContext
    lease: Lease
    job: BackupJob
    made: Made
    progress: Progress

    def deliver(self, path: Path) -> Also:
        """Put it there; what is to be committed with the end of the run."""
        if self.job.storage_id is None:
            return self._keep(path)
        return self._send(path, self.job.storage_id)

    def _keep(self, path: Path) -> Also:
        size = path.stat().st_size
        key = (
            f"archives/{self.job.chosen.project_id}/"
            f"{self.lease.run_id}-{self.lease.token}.zip"
        )
        with self.app.database.write() as session:
            leases.fence(
                self.app,
                session.connection(),
                self.lease,
                checkpoint={},
                counts=self.lease.counts,
            )
            new = self._describe(session, key, size)
            file_id = reserve_file(self.app, session, new).id
        saved = open_store(self.app).adopt(key, path, ZIP, self.lease.move)

        def also(session: Session) -> None:
            row = session.get_one(StoredFile, file_id)
            expires_at = find_expiry(self.app, session, self.job)
            note_saved(row, saved, size, expires_at=expires_at)
            self._conclude(session, file_id=file_id, expires_at=expires_at)

        return also

    def _describe(self, session: Session, key: str, size: int) -> NewFile:
        request = _find_request(session, self.lease.run_id)
        return NewFile(
            key=key,
            kind="archive",
            project_id=self.job.chosen.project_id,
            user_id=request.user_id if request else None,
            run_id=self.lease.run_id,
            name=self.job.filename,
            content_type=ZIP,
            size=size,
        )

    def _send(self, path: Path, storage_id: int) -> Also:
        with self.app.database.read() as session:
            storage = session.get(Storage, storage_id)
            prefix = "" if storage is None else _find_prefix(storage)
        connection = load_connection(self.app, storage_id)
        content = WatchedContent(FileContent(path), self.lease.move)
        key = prefix + self.job.filename
        request = WriteRequest(key, content, ZIP)
        connection.provider.save_annotation(connection.ref, request)

        def also(session: Session) -> None:
            self._conclude(session, result_key=key)

        return also

    def _conclude(self, session: Session, **values: Any) -> None:
        request = _find_request(session, self.lease.run_id)
        if request is None:
            return
        for name, value in values.items():
            setattr(request, name, value)
        request.lightweight = self.made.kind == "lightweight"
        request.message = self._tell(request)
        if self.job.is_scheduled:
            session.flush()
            retire_backups(session, self.job.chosen.project_id)

    def _tell(self, request: BackgroundRequest) -> str:
        texts = []
        if self.made.missing:
            total = self.made.missing + self.made.media
            texts.append(
                f"{self.made.missing} of {total} objects could not be read and are not "
                "in the archive; it lists them."
            )
        if request.message and not request.lightweight:
            texts.append(request.message)
        return " ".join(texts)


def _find_request(session: Session, run_id: int) -> BackgroundRequest | None:
    query = select(BackgroundRequest).where(BackgroundRequest.run_id == run_id)
    return session.exec(query).first()


def _find_prefix(storage: Storage) -> str:
    return join_prefix(storage.prefix, is_literal=storage.literal_prefix)

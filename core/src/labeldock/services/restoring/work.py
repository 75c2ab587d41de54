"""One slice of a restore: the archive is fetched, checked as a whole, then loaded.

What is loaded belongs to a project that nobody sees. The last transaction shows it; a
restore that ends in another way has it removed, so it comes in one go or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session

from labeldock.contract.values import ReadRequest
from labeldock.db.tables import RunError
from labeldock.services import leases
from labeldock.services.access import Principal, load_user
from labeldock.services.backups.progress import Stopped
from labeldock.services.backups.uploads import render_upload_path
from labeldock.services.backups.workplaces import open_workplace, require_space
from labeldock.services.connections import load_connection
from labeldock.services.context import AppContext
from labeldock.services.cvat.converting import Loss, convert_if_cvat
from labeldock.services.leases import Lease
from labeldock.services.persistent.folder import full_disk_told
from labeldock.services.restoring.archives import Archive, open_archive
from labeldock.services.restoring.checking import Checked, check_archive
from labeldock.services.restoring.files import copy_media, copy_uploads
from labeldock.services.restoring.incoming import expire_upload, fetch_upload
from labeldock.services.restoring.lines import open_pages
from labeldock.services.restoring.loading import PageWriter, Place, RowReader
from labeldock.services.restoring.pace import Pace
from labeldock.services.restoring.people import People
from labeldock.services.restoring.project import (
    add_project,
    find_state,
    show_project,
    sweep_restores,
)

_BLOCK: Final = 1024 * 1024
_ROW_FACTOR: Final = 3  # bytes of a database for each of a document


def restore_slice(app: AppContext, lease: Lease) -> bool:
    """Restore an archive; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        InvalidArchive: it cannot be restored; the message names the entry.
        LabeldockError: it cannot be fetched, or there is no room for it.
    """
    sweep_restores(app)
    owner = load_user(app, lease.options["user_id"])
    pace = Pace(app, lease, find_state(app, lease.run_id, lease.checkpoint))
    with full_disk_told(), open_workplace(app, lease) as folder:
        path = folder / "archive.zip"
        try:
            _fetch(app, lease.options, path, pace)
            path, losses = _translate(app, path, pace)
            with open_archive(path, app.settings) as archive:
                _Restore(app, lease, pace, owner).do(archive)
        except Stopped:
            leases.hand_back(app, lease)
            return False

    def also(session: Session) -> None:
        show_project(app, session, lease.run_id, pace.state, owner=owner)
        if token := lease.options.get("upload"):
            expire_upload(session, token)
        session.add_all(_list_errors(lease.run_id, losses))

    has_all = not (lease.counts.get("missing", 0) or losses)
    state = "completed" if has_all else "completed_with_errors"
    leases.finish(app, lease, state, also=also)
    return True


def _translate(app: AppContext, path: Path, pace: Pace) -> tuple[Path, list[Loss]]:
    """An archive of ours, made of another one if need be, and what that one lost."""
    made = path.with_name("converted.zip")
    losses = convert_if_cvat(path, made, app.settings, pace.beat)
    if losses is None:
        return path, []
    path.unlink()
    return made, losses


def _list_errors(run_id: int, losses: Sequence[Loss]) -> list[RunError]:
    return [
        RunError(
            run_id=run_id,
            key=loss.entry,
            code="no_counterpart",
            message=loss.message,
            remedy="Nothing, if it is not needed here; the archive still holds it.",
        )
        for loss in losses
    ]


def _fetch(app: AppContext, options: dict[str, Any], path: Path, pace: Pace) -> None:
    """Put the archive into a file of this machine."""
    if token := options.get("upload"):
        require_space(path.parent, options["size"])
        fetch_upload(app, token, path)
        return
    connection = load_connection(app, options["storage_id"])
    body = connection.get_data(ReadRequest(options["key"]))
    try:
        require_space(path.parent, body.info.size)
        with path.open("wb") as target:
            while block := body.reader.read(_BLOCK):
                target.write(block)
                pace.beat()
    finally:
        body.reader.close()


class _Restore:
    """One archive on its way into the database."""

    def __init__(
        self, app: AppContext, lease: Lease, pace: Pace, owner: Principal
    ) -> None:
        self._app, self._lease, self._pace = app, lease, pace
        self._owner = owner

    def do(self, archive: Archive) -> None:
        checked = check_archive(archive, self._pace.beat)
        self._require_space(checked)
        counts = checked.manifest.counts
        self._pace.expect(
            tasks=counts.tasks,
            media=counts.media + counts.missing,
            uploads=counts.uploads,
        )
        self._pace.note(missing=counts.missing)
        if not self._pace.state.project_id:
            self._begin(checked)
        place = self._find_place(checked)
        self._load_tasks(archive, place)
        copy_media(self._app, archive, self._pace)
        copy_uploads(
            self._app, archive, self._pace, self._lease.run_id, self._owner.user_id
        )

    def _require_space(self, checked: Checked) -> None:
        """Room for files and, where it lies here, for what the database will hold."""
        settings = self._app.settings
        documents = sum(entry.size for entry in checked.manifest.entries)
        needed = _ROW_FACTOR * documents if self._app.database.is_sqlite else 0
        if not settings.persistent_storage.get_secret_value().strip():
            needed += checked.media_bytes
        require_space(settings.home, needed)

    def _begin(self, checked: Checked) -> None:
        with self._pace.transaction() as session:
            self._pace.state = add_project(
                self._app,
                session,
                self._lease.run_id,
                checked,
                owner=self._owner,
                organization_id=self._lease.options["organization_id"],
            )

    def _find_place(self, checked: Checked) -> Place:
        state = self._pace.state
        paths = (checked.project.upload_path, render_upload_path(state.project_id))
        people = People(self._lease.options["organization_id"])
        return Place(state.project_id, state.slots, people, paths)

    def _load_tasks(self, archive: Archive, place: Place) -> None:
        state = self._pace.state
        rows = RowReader(place, self._app.database.engine.dialect.name)
        with open_pages(archive, rows.parsers) as pages:
            pages.skip(state.tasks)
            for page in pages.iterate():
                self._pace.beat()
                state.tasks += len(page.tasks)
                with self._pace.transaction() as session:
                    PageWriter(session.connection(), place).write(page)
            if not state.is_referred:
                state.is_referred = True
                with self._pace.transaction() as session:
                    left = pages.iterate_left()
                    PageWriter(session.connection(), place).refer(left)

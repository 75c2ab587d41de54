"""What tests of backups share: archives made and restored without a browser."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from labeldock.contract import ReadRequest
from labeldock.services import tasks
from labeldock.services.access import Principal
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.backups.requests import get_request
from labeldock.services.context import AppContext
from labeldock.services.persistent.store import open_store
from labeldock.services.restoring.asking import restore_upload
from labeldock.services.restoring.incoming import append_piece, begin_upload
from labeldock.services.working import run_until_done


@dataclass(frozen=True)
class Backups:
    """Makes and restores archives as somebody, in this process."""

    app: AppContext
    principal: Principal
    folder: Any

    def make(self, project_id, *, lightweight, **more) -> bytes:
        """The bytes of an archive."""
        ask = BackupAsk(project_id, lightweight, **more)
        view = request_backup(self.app, self.principal, ask)
        run = run_until_done(self.app, view.run_id, owner="test")
        assert run.state.startswith("completed"), run.problem
        from labeldock.db.archives import BackgroundRequest, StoredFile

        with self.app.database.read() as session:
            request = session.exec(
                BackgroundRequest.__table__.select().where(  # type: ignore[attr-defined]
                    BackgroundRequest.__table__.c.rq_id == view.id
                )
            ).one()
            key = session.get_one(StoredFile, request.file_id).key
        body = open_store(self.app).get_data(ReadRequest(key))
        try:
            return b"".join(iter(lambda: body.reader.read(2**20), b""))
        finally:
            body.reader.close()

    def send(self, data: bytes, *, piece: int = 2**20) -> str:
        """Send an archive; the upload."""
        upload = begin_upload(self.app, self.principal, len(data), "a.zip")
        path = self.folder / "piece"
        for first in range(0, len(data), piece):
            path.write_bytes(data[first : first + piece])
            append_piece(self.app, self.principal, upload.token, first, path)
        return upload.token

    def restore(self, data: bytes):
        """The run and the request of a restore, when it has ended."""
        return self.restore_sent(self.send(data))

    def restore_sent(self, token: str):
        """The same for an archive that was sent."""
        view = restore_upload(self.app, self.principal, token)
        run = run_until_done(self.app, view.run_id, owner="test")
        return run, get_request(self.app, self.principal, view.id)

    def restored(self, data: bytes) -> int:
        """The project that an archive is made into."""
        run, view = self.restore(data)
        assert run.state.startswith("completed"), run.problem
        assert view.result_id is not None
        return view.result_id

    def describe(self, project_id) -> list[dict[str, Any]]:
        """All that tasks say, without what every installation numbers for itself."""
        page = tasks.list_tasks(
            self.app, self.principal, tasks.TaskQuery(project_id, limit=1000)
        )
        return [describe_task(task) for task in page.tasks]


def describe_task(task) -> dict[str, Any]:
    """A task without its numbers."""
    names = (
        "inner_id", "data", "meta", "overlap", "allow_skip", "is_labeled", "created_at",
        "updated_at", "total_annotations", "cancelled_annotations",
        "total_predictions", "row_index", "row_group",
    )  # fmt: skip
    said = (
        "result", "was_cancelled", "ground_truth", "lead_time", "completed_by_id",
        "created_at", "updated_at",
    )  # fmt: skip
    told = ("result", "score", "model_version", "created_at", "updated_at")
    return {
        **{name: getattr(task, name) for name in names},
        "annotations": [{n: getattr(a, n) for n in said} for a in task.annotations],
        "predictions": [{n: getattr(p, n) for n in told} for p in task.predictions],
    }


def render_uri(uri: str) -> str:
    """A URI as the routes of media take it."""
    return base64.urlsafe_b64encode(uri.encode()).decode()

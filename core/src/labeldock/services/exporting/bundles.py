"""Files that hold a whole project: one of JSON lines, or a Parquet file of a run.

A run writes such a file by itself, since no single change could. It is made in a
temporary file, page by page, and uploaded whole: readers see the last one or this one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, cast

from sqlmodel import select

from labeldock.contract.values import ContentSource, FileContent, WriteRequest
from labeldock.db.tables import Run, Storage
from labeldock.services import leases
from labeldock.services.connections import load_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.keys import Item, name_bundle
from labeldock.services.exporting.kinds import Layout
from labeldock.services.exporting.parquet import write_parquet
from labeldock.services.exporting.payloads import (
    Document,
    build_documents,
    encode_document,
)
from labeldock.services.exporting.plans import Plan, build_plan
from labeldock.services.exporting.settling import note_link
from labeldock.services.exporting.stocktaking import Window, select_items
from labeldock.services.leases import Lease

_PAGE: Final = 500
_COMMIT_SECONDS: Final = 2.0
_TYPES: Final = {
    Layout.JSONL: "application/x-ndjson",
    Layout.PARQUET: "application/vnd.apache.parquet",
}
Progress = Callable[[int], None]


def writes_bundle(app: AppContext, lease: Lease) -> bool:
    """Whether the run's storage holds such files."""
    query = select(Storage.layout).where(Storage.id == lease.storage_id)
    with app.database.read() as session:
        return session.exec(query).first() not in {None, Layout.FILES.value}


def write_bundle(app: AppContext, lease: Lease) -> bool:
    """Write the file of a run; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: the storage did not take it.
    """
    plan, key = _plan(app, lease)
    connection = load_connection(app, lease.storage_id)
    counter = _Counter(app, lease)
    with tempfile.TemporaryDirectory(prefix="labeldock-export-") as folder:
        path = Path(folder) / "bundle"
        _WRITERS[plan.layout](path, _iterate_pages(app, plan, counter.add))
        if lease.ending.is_set():
            leases.hand_back(app, lease)
            return False
        counter.commit()
        content = WatchedContent(FileContent(path), lease.move)
        request = WriteRequest(key, content, _TYPES[plan.layout])
        saved = connection.provider.save_annotation(connection.ref, request)
    counts = counter.finish()
    with app.database.write_connection() as database:
        leases.fence(app, database, lease, checkpoint={}, counts=counts)
        note_link(
            database,
            storage_id=lease.storage_id,
            key=key,
            etag=saved.etag,
            version=lease.run_id,
        )
    lease.commit({}, counts)
    leases.finish(app, lease, "completed")
    return True


def _plan(app: AppContext, lease: Lease) -> tuple[Plan, str]:
    with app.database.read() as session:
        plan = build_plan(app.settings, session.get_one(Storage, lease.storage_id))
        run = session.get_one(Run, lease.run_id)
        return plan, name_bundle(
            plan, {"run.id": run.id, "run.queued_at": run.queued_at}
        )


class _Counter:
    """Counts annotations, and says how far it is every now and then."""

    def __init__(self, app: AppContext, lease: Lease) -> None:
        self._app, self._lease = app, lease
        self._total, self._committed = 0, time.monotonic()

    def add(self, count: int) -> None:
        """So many more are in the file; the run is still ours."""
        self._total += count
        self._lease.move()
        if time.monotonic() - self._committed > _COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write it down: none is delivered before all are."""
        counts = self._build(0)
        with self._app.database.write_connection() as connection:
            leases.fence(
                self._app, connection, self._lease, checkpoint={}, counts=counts
            )
        self._lease.commit({}, counts)
        self._committed = time.monotonic()

    def finish(self) -> dict[str, int]:
        """The counts once the file lies in the storage."""
        return self._build(self._total)

    def _build(self, delivered: int) -> dict[str, int]:
        waiting = self._total - delivered
        return {
            "total": self._total,
            "delivered": delivered,
            "failed": 0,
            "waiting": waiting,
        }


@dataclass(frozen=True, slots=True)
class WatchedContent:
    """Content whose reading counts as progress, so that a long upload is no stall."""

    content: ContentSource
    move: Callable[[], None]

    @property
    def size(self) -> int:
        """As the content's."""
        return self.content.size

    def open(self) -> BinaryIO:
        """As the content's; each read is told."""
        return cast("BinaryIO", _WatchedStream(self.content.open(), self.move))


class _WatchedStream:
    def __init__(self, stream: BinaryIO, move: Callable[[], None]) -> None:
        self._stream, self._move = stream, move

    def read(self, size: int = -1) -> bytes:
        self._move()
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _iterate_pages(
    app: AppContext, plan: Plan, on_page: Progress
) -> Iterator[list[Document]]:
    """All items of the project as documents, each page in a transaction of its own."""
    after = 0
    while True:
        with app.database.read() as session:
            connection = session.connection()
            found = connection.execute(select_items(plan, Window(after, _PAGE))).all()
            items = [Item(row.task_id, row.annotation_id) for row in found]
            built = build_documents(connection, plan, items)
        page = [document for document, _ in built.values()]
        if page:
            yield page
        on_page(_count(plan, page))
        if len(found) < _PAGE:
            return
        after = items[-1].number


def _count(plan: Plan, page: list[Document]) -> int:
    if not plan.is_by_task:
        return len(page)
    return sum(len(document["annotations"]) for document in page)


def _write_lines(path: Path, pages: Iterator[list[Document]]) -> None:
    with path.open("wb") as file:
        for page in pages:
            file.write(b"".join(encode_document(each) + b"\n" for each in page))


_WRITERS: Final = {Layout.JSONL: _write_lines, Layout.PARQUET: write_parquet}

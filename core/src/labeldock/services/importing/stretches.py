"""A page of a listing, imported in stretches: each is one transaction.

A stretch ends with the page, or earlier when it would hold too many links, tasks or
bytes at once. Everything counted for it lies in it, so that a run that is killed
between two stretches counts nothing twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson

from labeldock.contract.errors import StorageError
from labeldock.contract.values import ObjectInfo
from labeldock.db.tables import NO_ROW
from labeldock.db.types import load_json
from labeldock.services.context import AppContext
from labeldock.services.importing.cutting import (
    Stretch,
    compare_stretch,
    cut_page,
    list_unreadable,
)
from labeldock.services.importing.difference import Difference, LinkedObject
from labeldock.services.importing.formats.tasks import ParsedTask
from labeldock.services.importing.listing import Listed, keep_state
from labeldock.services.importing.pages import Batch, Failure, commit_batch
from labeldock.services.importing.reading import (
    Outcome,
    Result,
    is_too_long,
    measure,
    read_files,
    refuse_long_key,
)
from labeldock.services.importing.replacing import match_rows
from labeldock.services.importing.sharing import (
    choose_size,
    cut_parts,
    is_worth_sharing,
)
from labeldock.services.importing.source import Source, is_marker
from labeldock.services.leases import Lease

MAX_TASKS: Final = 5000
MAX_BYTES: Final = 32 * 1024 * 1024
COUNTS: Final = (
    "seen", "filtered", "skipped", "new", "existed", "created", "changed", "updated",
    "vanished", "returned", "failed",
)  # fmt: skip
_KEY: Final = attrgetter("key")


def import_page(app: AppContext, lease: Lease, source: Source, listed: Listed) -> None:
    """Import one page: compare it with the links, read what is new, commit.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled; nothing more was written.
        StorageError: the storage does not answer; what was committed stays.
    """
    failures = list(listed.failures)
    if lease.part is None:  # whoever hands out parts has noted these for all of them
        failures += list_unreadable(listed.page)
    for stretch in cut_page(app, lease, source, listed):
        _StretchImport(app, lease, source, stretch, failures).run()
        failures = []


def import_stretch(
    app: AppContext,
    lease: Lease,
    source: Source,
    stretch: Stretch,
    failures: list[Failure],
) -> None:
    """Import objects that were looked up by name; raises as `import_page` does."""
    _StretchImport(app, lease, source, stretch, failures).run()


class _StretchImport:
    """One stretch under way: what was read of it and is not committed yet."""

    def __init__(
        self,
        app: AppContext,
        lease: Lease,
        source: Source,
        stretch: Stretch,
        failures: list[Failure],
    ) -> None:
        self._app, self._lease, self._source = app, lease, source
        self._end, self._restart = stretch.checkpoint, stretch.restart
        self._bounds = stretch.after, stretch.upto
        self._objects = stretch.objects
        self._admitted, self._difference = compare_stretch(source, stretch)
        self._retried = set(self._difference.retried)
        self._changed = _choose_changed(source, self._difference)
        self._reads = _merge(self._difference.new, self._changed.values())
        self._batch, self._size = Batch(failures=failures), 0
        self._new, self._updated = 0, 0
        self._read_upto: str | None = None

    def run(self) -> None:
        """Import it, or hand it out to others if it is worth it."""
        if self._source.is_shared and self._lease.part is None:
            size = choose_size(self._lease.checkpoint, self._app.settings.part_size)
            if is_worth_sharing(len(self._reads), size):
                self._share(size)
                return
        self._import()

    def _share(self, size: int) -> None:
        """Hand the stretch out in parts, which find in it what is found here."""
        batch = self._batch
        batch.parts = cut_parts(self._objects, self._reads, self._bounds, size)
        shared = self._lease.checkpoint.get("shared", 0) + len(self._reads)
        counts = dict.fromkeys(COUNTS, 0) | self._lease.counts
        counts["failed"] += len(batch.failures)
        commit_batch(
            self._app,
            self._lease,
            batch,
            checkpoint={**self._end, "shared": shared},
            counts=counts,
        )
        for _ in batch.parts:
            self._app.bell.ring_run(self._lease.run_id, self._lease.kind)

    def _import(self) -> None:
        try:
            for info, outcome in _read(self._app, self._source, self._reads):
                self._add(info, outcome)
                if self._is_full():
                    self._commit(info.key)
        except StorageError:
            if self._read_upto is not None:  # what was read need not be read again
                self._commit(self._read_upto)
            raise
        self._commit(None)

    def _add(self, info: ObjectInfo, outcome: Result) -> None:
        self._lease.move()
        self._read_upto = info.key
        self._size += measure(info, outcome)
        if info.key in self._changed:
            self._add_changed(info, outcome)
            return
        if info.key in self._retried:
            self._batch.retried.append(info.key)
        if isinstance(outcome, Failure):
            self._batch.failures.append(outcome)
            return
        self._new += info.key not in self._retried
        self._batch.imported.append((info, outcome))

    def _add_changed(self, info: ObjectInfo, outcome: Result) -> None:
        """Take the new contents of a file that has tasks; or say why they stay."""
        if isinstance(outcome, Failure):  # it has links already, so it gets none
            self._batch.failures.append(outcome._replace(info=None))
            return
        found = match_rows(self._app, self._lease.storage_id, info, outcome)
        if found is None:
            self._batch.failures.append(_describe_mismatch(info))
            return
        self._batch.replaced.append(found)
        self._batch.refreshed.append(info)
        self._updated += len(found.contents)
        if len(found.added):
            self._batch.imported.append((info, found.added))

    def _is_full(self) -> bool:
        if self._source.is_blob:
            return False
        return self._batch.task_count >= MAX_TASKS or self._size >= MAX_BYTES

    def _commit(self, upto: str | None) -> None:
        """Commit up to this key, or to the end; and go on with an empty batch."""
        batch, taken = self._batch, self._difference.take(upto)
        objects, self._objects = _cut(self._objects, upto)
        admitted, self._admitted = _cut(self._admitted, upto)
        batch.failures.extend(_failed_before(taken.failed_before))
        batch.vanished, batch.returned = taken.vanished, taken.returned
        self._note_changes(taken)
        if not self._source.is_ordered:
            batch.seen = [info.key for info in objects]
        markers = sum(map(is_marker, objects))
        counts = dict.fromkeys(COUNTS, 0) | self._lease.counts
        for name, number in {
            "seen": len(objects),
            "filtered": len(objects) - len(admitted) - markers,
            "skipped": markers,
            "new": self._new,
            "existed": sum(rows for _, rows in taken.existed),
            "created": batch.task_count,
            "changed": len(taken.changed),
            "updated": self._updated,
            "vanished": len(taken.vanished),
            "returned": len(taken.returned),
            "failed": len(batch.failures),
        }.items():
            counts[name] += number
        commit_batch(
            self._app,
            self._lease,
            batch,
            checkpoint=self._end if upto is None else self._reach(upto),
            counts=counts,
        )
        self._batch, self._size, self._read_upto = Batch(), 0, None
        self._new, self._updated = 0, 0

    def _note_changes(self, taken: Difference) -> None:
        """What the storage's policy makes of changes, beside counting them."""
        batch = self._batch
        batch.restored = taken.restored
        if self._source.on_change == "flag":
            batch.flagged = taken.flagged
        elif self._source.on_change == "update" and self._source.is_blob:
            batch.refreshed = taken.changed  # the task names it, whatever it holds

    def _reach(self, upto: str) -> dict[str, Any]:
        """The checkpoint when the stretch is committed up to a key."""
        if self._restart is not None:
            return self._restart
        state = keep_state(self._lease.checkpoint)
        return {**state, "scope": self._end["scope"], "after": upto}


def _cut(
    objects: Sequence[ObjectInfo], upto: str | None
) -> tuple[Sequence[ObjectInfo], Sequence[ObjectInfo]]:
    place = len(objects) if upto is None else bisect_right(objects, upto, key=_KEY)
    return objects[:place], objects[place:]


def _choose_changed(source: Source, difference: Difference) -> dict[str, ObjectInfo]:
    """Files that changed and are to be read again, by key."""
    if source.is_blob or source.on_change != "update":
        return {}
    return {info.key: info for info in difference.changed}


def _merge(
    new: Sequence[ObjectInfo], changed: Collection[ObjectInfo]
) -> Sequence[ObjectInfo]:
    return sorted((*new, *changed), key=_KEY) if changed else new


def _describe_mismatch(info: ObjectInfo) -> Failure:
    return Failure(
        None,
        info.key,
        -1,
        "rows_missing",
        "The file has changed, and rows that have tasks are not in it any more. Its "
        "tasks were left as they are.",
        "Put the rows back, or delete the tasks of the file and sync again.",
    )


def _read(
    app: AppContext, source: Source, objects: Sequence[ObjectInfo]
) -> Iterable[Outcome]:
    if not source.is_blob:
        return read_files(source.connection, app.settings, objects)
    return [(info, _take_blob(source, info)) for info in objects]


def _take_blob(source: Source, info: ObjectInfo) -> Result:
    if is_too_long(info.key):
        return refuse_long_key(info)
    uri = orjson.dumps(source.base_uri + info.key).decode()
    return (ParsedTask(NO_ROW, f'{{"$undefined$":{uri}}}'),)


def _failed_before(links: Iterable[LinkedObject]) -> Iterator[Failure]:
    for link in links:
        problem = load_json(link.problem) if link.problem else {}
        yield Failure(
            None,
            link.key,
            problem.get("row", -1),
            problem.get("code", "unusable_file"),
            problem.get("message", "It could not be imported."),
            problem.get("remedy"),
        )

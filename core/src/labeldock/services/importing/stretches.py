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
from labeldock.db.types import escape_text, load_json
from labeldock.services.context import AppContext
from labeldock.services.importing.beside import list_looked_up, list_told
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
from labeldock.services.quotas import Limit, find_room, find_team, require_team_room

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
        self._objects, self._beside = stretch.objects, stretch.beside
        self._admitted, self._difference = compare_stretch(source, stretch)
        if not stretch.is_named:
            self._trust_looks()
        self._retried = set(self._difference.retried)
        self._changed = _choose_changed(source, self._difference)
        self._reads = _merge(self._difference.new, self._changed.values())
        self._guard = _find_guard(stretch)
        failures = [failure for failure in failures if not self._leaves(failure.key)]
        self._batch, self._size = Batch(failures=failures, guard=self._guard), 0
        self._new, self._updated = 0, 0
        self._read_upto: str | None = None
        self._room: int | None = None

    def run(self) -> None:
        """Import it, or hand it out to others if it is worth it."""
        if self._source.is_shared and self._lease.part is None:
            size = choose_size(self._lease.checkpoint, self._app.settings.part_size)
            if is_worth_sharing(len(self._reads), size):
                self._share(size)
                return
        self._import()

    def _trust_looks(self) -> None:
        """What the run has looked at by name is as it was found then."""
        found = self._difference
        keys = [*found.vanished, *found.returned]
        if known := list_looked_up(self._app, self._lease, keys):
            found.vanished = [key for key in found.vanished if key not in known]
            found.returned = [key for key in found.returned if key not in known]

    def _leaves(self, key: str) -> bool:
        """Whether a failure is the walk's to tell, which is going to come by."""
        return self._beside is not None and self._beside.is_left(key)

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
        if self._reads:
            self._room = _find_room(self._app, self._lease.project_id)
        try:
            for info, outcome in _read(self._app, self._source, self._reads):
                self._fit(info, outcome)
                self._add(info, outcome)
                if self._is_full():
                    self._commit(info.key)
        except StorageError:
            if self._read_upto is not None:  # what was read need not be read again
                self._commit(self._read_upto)
            raise
        self._commit(None)

    def _fit(self, info: ObjectInfo, outcome: Result) -> None:
        """Where the team may not have these tasks too, commit what was read before.

        Raises:
            QuotaExceeded: it may not; what came before is there.
        """
        if self._room is None or isinstance(outcome, Failure):
            return
        if info.key in self._changed:  # most of its tasks are there; told by the commit
            return
        if len(outcome) > self._room:
            if self._read_upto is not None:
                self._commit(self._read_upto)
            self._room = _find_room(self._app, self._lease.project_id, len(outcome))
        self._room = None if self._room is None else self._room - len(outcome)

    def _add(self, info: ObjectInfo, outcome: Result) -> None:
        self._lease.move()
        if not self._source.is_blob:
            self._lease.sampler.note_bytes(info.size)
        self._read_upto = info.key
        self._size += measure(info, outcome)
        if isinstance(outcome, Failure) and self._leaves(info.key):
            return
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
            if not self._leaves(info.key):
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
        batch.vanished, batch.returned = taken.vanished, taken.returned
        self._note_changes(taken)
        self._note_failures(taken)
        if not self._source.is_ordered or self._beside is not None:
            batch.seen = [info.key for info in objects]
        if self._beside is not None:
            batch.seen += taken.vanished
        counts = dict.fromkeys(COUNTS, 0) | self._lease.counts
        more = self._count_done(taken) | self._count_found(taken, objects, admitted)
        for name, number in more.items():
            counts[name] = counts.get(name, 0) + number
        commit_batch(
            self._app,
            self._lease,
            batch,
            checkpoint=self._end if upto is None else self._reach(upto),
            counts=counts,
        )
        self._batch, self._size, self._read_upto = Batch(guard=self._guard), 0, None
        self._new, self._updated = 0, 0

    def _count_done(self, taken: Difference) -> dict[str, int]:
        return {
            "new": self._new,
            "created": self._batch.task_count,
            "updated": self._updated,
            "vanished": len(taken.vanished),
            "returned": len(taken.returned),
            "failed": len(self._batch.failures),
        }

    def _count_found(
        self,
        taken: Difference,
        objects: Sequence[ObjectInfo],
        admitted: Sequence[ObjectInfo],
    ) -> dict[str, int]:
        if self._beside is not None:  # the walk counts what it finds
            return {"named": len(objects), "changed": len(self._batch.refreshed)}
        is_all = len(admitted) == len(objects)
        markers = 0 if is_all else sum(map(is_marker, objects))
        return {
            "seen": len(objects),
            "filtered": len(objects) - len(admitted) - markers,
            "skipped": markers,
            "existed": sum(rows for _, rows in taken.existed),
            "changed": len(taken.changed),
        }

    def _note_failures(self, taken: Difference) -> None:
        """Objects that failed before fail again; in one run each is told once."""
        batch = self._batch
        if self._beside is None:
            batch.failures.extend(_failed_before(taken.failed_before))
            if self._source.is_ordered or not self._lease.counts.get("named"):
                return
        known = [failure.key for failure in batch.failures if failure.info is None]
        told = list_told(self._app, self._lease, known)
        batch.failures = [
            failure
            for failure in batch.failures
            if failure.info is not None or escape_text(failure.key) not in told
        ]

    def _note_changes(self, taken: Difference) -> None:
        """What the storage's policy makes of changes, beside counting them."""
        batch = self._batch
        batch.restored = taken.restored
        batch.refreshed.extend(taken.adopted)
        if self._source.on_change == "flag":
            batch.flagged = taken.flagged
        elif self._source.on_change == "update" and self._source.is_blob:
            # The task names it, whatever it holds.
            batch.refreshed.extend(taken.changed)

    def _reach(self, upto: str) -> dict[str, Any]:
        """The checkpoint when the stretch is committed up to a key."""
        if self._restart is not None:
            return self._restart
        state = keep_state(self._lease.checkpoint)
        return {**state, "scope": self._end["scope"], "after": upto}


def _find_room(app: AppContext, project_id: int, least: int = 0) -> int | None:
    """How many tasks more the team may have; None for any number.

    Raises:
        QuotaExceeded: they are less than `least`.
    """
    with app.database.read() as session:
        connection = session.connection()
        if least:
            require_team_room(app, connection, project_id, Limit.TASKS, least)
        team = find_team(connection, project_id)
        return find_room(app, connection, team, Limit.TASKS)


def _find_guard(stretch: Stretch) -> dict[int, int] | None:
    if stretch.beside is None:
        return None
    keys = {info.key for info in stretch.objects}
    return stretch.beside.guard(keys | {link.key for link in stretch.linked})


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

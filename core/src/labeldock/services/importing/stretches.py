"""A page of a listing, imported in stretches: each is one transaction.

A stretch ends with the page, or earlier when it would hold too many links, tasks or
bytes at once. Everything counted for it lies in it, so that a run that is killed
between two stretches counts nothing twice.

Where a provider's listing is in another order than that of the keys, a page is one
stretch and its links are looked up by key. Such a listing says what is new and changed;
what has vanished it cannot say, since nothing tells which keys it has passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import orjson

from labeldock.contract.errors import StorageError
from labeldock.contract.values import ObjectInfo, ObjectPage
from labeldock.db.tables import NO_ROW
from labeldock.db.types import load_json
from labeldock.services.context import AppContext
from labeldock.services.importing.difference import LinkedObject, compare
from labeldock.services.importing.pages import (
    Batch,
    Failure,
    commit_batch,
    list_linked,
    list_linked_keys,
)
from labeldock.services.importing.parsing import ParsedTask
from labeldock.services.importing.reading import (
    Outcome,
    Result,
    is_too_long,
    read_files,
    refuse_long_key,
)
from labeldock.services.importing.source import Source
from labeldock.services.leases import Lease

MAX_LINKS: Final = 10_000
MAX_TASKS: Final = 5000
MAX_BYTES: Final = 32 * 1024 * 1024
COUNTS: Final = (
    "seen", "filtered", "existed", "created", "changed", "vanished", "failed",
)  # fmt: skip
_KEY: Final = attrgetter("key")
_HIGHEST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Objects in the order of their keys, what is known of them, and where they end.

    Attributes:
        objects: the objects.
        linked: links of the same stretch of keys, or of the same keys.
        checkpoint: reached when all of it is committed.
        restart: the checkpoint while part of it is; None for the last key committed.
        closed: folders that could not be entered; what is known of them stays.
    """

    objects: Sequence[ObjectInfo]
    linked: Sequence[LinkedObject]
    checkpoint: dict[str, Any]
    restart: dict[str, Any] | None = None
    closed: tuple[str, ...] = ()


def import_page(
    app: AppContext, lease: Lease, source: Source, page: ObjectPage
) -> None:
    """Import one page: compare it with the links, read what is new, commit.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled; nothing more was written.
        StorageError: the storage does not answer; what was committed stays.
    """
    failures = list(_unreadable(page))
    cut = _iterate_stretches if source.is_ordered else _look_up
    for stretch in cut(app, lease, source, page):
        _StretchImport(app, lease, source, stretch, failures).run()
        failures = []


def _iterate_stretches(
    app: AppContext, lease: Lease, source: Source, page: ObjectPage
) -> Iterator[Stretch]:
    """Cut a page where its links would be too many to hold."""
    after, objects = lease.checkpoint.get("after"), page.objects
    closed = tuple(e.name for e in page.unreadable if e.name.endswith("/"))
    last = _last_key(page, closed) or after
    end = {"scope": source.scope, "after": last, "cursor": page.cursor}
    upto = (last or "") if page.cursor else None  # the last page is without end
    while True:
        linked = list_linked(app, lease.storage_id, after, upto, limit=MAX_LINKS)
        if len(linked) < MAX_LINKS:
            yield Stretch(objects, linked, end, closed=closed)
            return
        after = linked[-1].key
        cut = bisect_right(objects, after, key=_KEY)
        reached = {"scope": source.scope, "after": after}
        yield Stretch(objects[:cut], linked, reached, closed=closed)
        objects = objects[cut:]


def _last_key(page: ObjectPage, closed: Iterable[str]) -> str:
    """The key that a page of an ordered listing reaches; "" for an empty one."""
    last = page.objects[-1].key if page.objects else ""
    prefix = page.prefixes[-1] if page.prefixes else ""
    return max(last, prefix, *(folder + _HIGHEST for folder in closed))


def _look_up(
    app: AppContext, lease: Lease, source: Source, page: ObjectPage
) -> Iterator[Stretch]:
    """A page of a listing in some other order, as one stretch."""
    objects = sorted({info.key: info for info in page.objects}.values(), key=_KEY)
    linked = list_linked_keys(app, lease.storage_id, [info.key for info in objects])
    end = {"scope": source.scope, "cursor": page.cursor}
    yield Stretch(objects, linked, end, restart=lease.checkpoint)


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
        self._objects = stretch.objects
        self._admitted: Sequence[ObjectInfo] = [
            info for info in stretch.objects if source.admits(info)
        ]
        linked = _relevant(source, stretch, self._admitted)
        self._difference = compare(self._admitted, linked)
        self._retried = set(self._difference.retried)
        self._batch, self._size = Batch(failures=failures), 0
        self._read_upto: str | None = None

    def run(self) -> None:
        try:
            for info, outcome in _read(self._app, self._source, self._difference.new):
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
        if info.key in self._retried:
            self._batch.retried.append(info.key)
        if isinstance(outcome, Failure):
            self._batch.failures.append(outcome)
            return
        self._batch.imported.append((info, outcome))
        self._size += info.size

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
        counts = dict.fromkeys(COUNTS, 0) | self._lease.counts
        for name, number in {
            "seen": len(objects),
            "filtered": len(objects) - len(admitted),
            "existed": sum(rows for _, rows in taken.existed),
            "created": batch.task_count,
            "changed": len(taken.changed),
            "vanished": len(taken.vanished),
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

    def _reach(self, upto: str) -> dict[str, Any]:
        """The checkpoint when the stretch is committed up to a key."""
        if self._restart is not None:
            return self._restart
        return {"scope": self._end["scope"], "after": upto}


def _cut(
    objects: Sequence[ObjectInfo], upto: str | None
) -> tuple[Sequence[ObjectInfo], Sequence[ObjectInfo]]:
    place = len(objects) if upto is None else bisect_right(objects, upto, key=_KEY)
    return objects[:place], objects[place:]


def _relevant(
    source: Source, stretch: Stretch, admitted: Sequence[ObjectInfo]
) -> Iterable[LinkedObject]:
    """The links that this listing can speak of; one that is filtered out is there."""
    dropped = set()
    if len(admitted) != len(stretch.objects):
        listed = {info.key for info in stretch.objects}
        dropped = listed - {info.key for info in admitted}
    return (
        link
        for link in stretch.linked
        if link.key not in dropped
        and source.looks_at(link)
        and not link.key.startswith(stretch.closed)
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


def _unreadable(page: ObjectPage) -> Iterator[Failure]:
    for entry in page.unreadable:
        remedy = "Rename it to valid UTF-8 without U+0000."
        yield Failure(None, entry.name, -1, "unreadable_name", entry.reason, remedy)


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

"""Compare what is known to lie in an export storage with what does lie there.

The bucket is listed once, page by page; whatever is not found is looked at by itself
before it is called missing, since others deliver meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import delete, or_, select, update

from labeldock.contract.errors import CursorExpired, ObjectNotFound
from labeldock.contract.values import ListQuery, ObjectInfo, ReadRequest
from labeldock.db.columns import utc_now
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import Connection, open_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.deliveries import load_export
from labeldock.services.exporting.keys import Item, name_items
from labeldock.services.exporting.kinds import Layout
from labeldock.services.exporting.plans import Plan, build_plan
from labeldock.services.exporting.wishes import LINK, OUTBOX, want_items

MOST_NAMED: Final = 1000
_PAGE: Final = 500


class Difference(StrEnum):
    """How a bucket differs from what is known of it.

    MISSING: written once, and not there. CHANGED: there, with other content.
    FOREIGN: there, and not written by this storage.
    """

    MISSING = "missing"
    CHANGED = "changed"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Finding:
    """One key that is not as it should be."""

    difference: Difference
    key: str
    annotation_id: int | None = None
    task_id: int | None = None


@dataclass
class Verification:
    """What a comparison came to; of each difference, the first 1,000 are named."""

    objects: int = 0
    known: int = 0
    missing: int = 0
    changed: int = 0
    foreign: int = 0
    repaired: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Whether all that was written is there as it was written."""
        return self.missing == self.repaired and not self.changed

    def add(self, finding: Finding) -> None:
        """Count a finding, and name it if not too many are named."""
        name = finding.difference.value
        count = getattr(self, name) + 1
        setattr(self, name, count)
        if count <= MOST_NAMED:
            self.findings.append(finding)


@dataclass(frozen=True)
class _Check:
    """A storage that is being looked through, since `begun`."""

    app: AppContext
    storage_id: int
    connection: Connection
    plan: Plan
    begun: datetime


def verify_storage(
    app: AppContext, principal: Principal, storage_id: int, *, repair: bool = False
) -> Verification:
    """Compare an export storage's links with its bucket; note what is there.

    With `repair`, what is missing is queued to be written again.

    Raises:
        NotFound, NotAllowed: as they say.
        StorageError: the bucket could not be listed.
    """
    with app.database.read() as session:
        storage = load_export(session, principal, storage_id, Permission.MANAGE)
        plan = build_plan(app.settings, storage)
        connection = open_connection(app, session, storage)
    check = _Check(app, storage_id, connection, plan, utc_now())
    result = Verification()
    for page in _list_pages(connection, plan.prefix):
        result.objects += len(page)
        _compare_page(check, page, result)
    for links in _iterate_unseen(check):
        gone = [link for link in links if not _is_there(check, link)]
        for link in gone:
            place = (link.key, link.annotation_id, link.task_id)
            result.add(Finding(Difference.MISSING, *place))
        result.repaired += _note_missing(check, gone, repair=repair)
    if repair and result.repaired:
        app.bell.ring_delivery(storage_id)
    return result


def _list_pages(connection: Connection, prefix: str) -> Iterator[Sequence[ObjectInfo]]:
    query, last = ListQuery(prefix=prefix), None
    while True:
        try:
            page = connection.provider.list_objects(connection.ref, query)
        except CursorExpired:
            if not connection.provider.info.capabilities.seekable:
                raise
            query = ListQuery(prefix=prefix, after_key=last)
            continue
        if page.objects:
            last = page.objects[-1].key
            yield page.objects
        if page.cursor is None:
            return
        query = ListQuery(prefix=prefix, cursor=page.cursor)


def _compare_page(
    check: _Check, page: Sequence[ObjectInfo], result: Verification
) -> None:
    keys = [info.key for info in page]
    with check.app.database.read() as session:
        links = _read_links(session.connection(), check.storage_id, keys)
        doubtful = _find_doubtful(session.connection(), check.storage_id, keys)
    seen = []
    for info in page:
        link = links.get(info.key)
        if link is None:
            if info.key not in doubtful:
                result.add(Finding(Difference.FOREIGN, info.key))
            continue
        seen.append(link.id)
        result.known += 1
        if link.etag != info.etag and not _is_same_by_now(check, link):
            place = (link.key, link.annotation_id, link.task_id)
            result.add(Finding(Difference.CHANGED, *place))
    if seen:
        with check.app.database.write_connection() as connection:
            connection.execute(
                update(LINK)
                .where(LINK.c.id.in_(seen))
                .values(object_exists=True, seen_at=utc_now())
            )


def _read_links(
    connection: DatabaseConnection, storage_id: int, keys: Sequence[str]
) -> dict[str, Any]:
    query = select(LINK).where(LINK.c.storage_id == storage_id, LINK.c.key.in_(keys))
    return {row.key: row for row in connection.execute(query)}


def _find_doubtful(
    connection: DatabaseConnection, storage_id: int, keys: Sequence[str]
) -> set[str]:
    """Keys that may have been written by a delivery that has not said so yet."""
    query = select(OUTBOX.c.key).where(
        OUTBOX.c.storage_id == storage_id, OUTBOX.c.key.in_(keys), OUTBOX.c.in_doubt > 0
    )
    return set(connection.execute(query).scalars())


def _is_same_by_now(check: _Check, link: Any) -> bool:
    """Whether it was only delivered anew between the listing and the look at it."""
    info = _look(check, link.key)
    with check.app.database.read() as session:
        links = _read_links(session.connection(), check.storage_id, [link.key])
        doubtful = _find_doubtful(session.connection(), check.storage_id, [link.key])
    newest = links.get(link.key)
    etags = info and newest and (info.etag, newest.etag)
    return bool(doubtful) or not etags or etags[0] == etags[1]


def _look(check: _Check, key: str) -> ObjectInfo | None:
    connection = check.connection
    request = ReadRequest(key, metadata_only=True)
    try:
        body = connection.provider.get_data(connection.ref, request)
    except ObjectNotFound:
        return None
    body.reader.close()
    return body.info


def _iterate_unseen(check: _Check) -> Iterator[Sequence[Any]]:
    """The links of objects that the listing did not show."""
    after = 0
    while True:
        query = (
            select(LINK)
            .where(LINK.c.storage_id == check.storage_id, LINK.c.id > after)
            .where(or_(LINK.c.seen_at.is_(None), LINK.c.seen_at < check.begun))
            .order_by(LINK.c.id)
            .limit(_PAGE)
        )
        with check.app.database.read() as session:
            found = session.execute(query).all()
        if found:
            yield found
        if len(found) < _PAGE:
            return
        after = found[-1].id


def _is_there(check: _Check, link: Any) -> bool:
    return _look(check, link.key) is not None


def _note_missing(check: _Check, links: Sequence[Any], *, repair: bool) -> int:
    """Say of links that nothing is there; how many that has been repaired for."""
    if not links:
        return 0
    ids = [link.id for link in links]
    with check.app.database.write_connection() as connection:
        if not repair:
            connection.execute(
                update(LINK).where(LINK.c.id.in_(ids)).values(object_exists=False)
            )
            return 0
        connection.execute(delete(LINK).where(LINK.c.id.in_(ids)))
        if check.plan.layout is Layout.FILES:  # else the next run writes its file
            _want_again(connection, check, links)
    return len(links)


def _want_again(
    connection: DatabaseConnection, check: _Check, links: Sequence[Any]
) -> None:
    """What is still to be under those keys is wanted; anything else is forgotten."""
    plan = check.plan
    items = {
        Item(link.task_id, link.annotation_id): link.key
        for link in links
        if plan.is_by_task == (link.annotation_id is None) and link.task_id
    }
    names = name_items(connection, plan, list(items))
    wanted = [
        item
        for item, key in items.items()
        if not plan.is_unique or names.get(item) == key
    ]
    want_items(connection, check.storage_id, plan, wanted)

"""Deliver what the outbox holds: claim, build, upload, note; at least once.

The payload is built at delivery, so the newest content is what arrives. Databases are
asked for many parcels at once, and buckets by several threads. What cannot be begun in
good time is given back instead.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import func
from sqlmodel import col, select

from labeldock import tracing
from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.db.tables import Annotation, Storage
from labeldock.services.connections import open_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.claims import (
    Parcel,
    claim_parcels,
    give_back,
    select_etags,
)
from labeldock.services.exporting.payloads import build_payloads
from labeldock.services.exporting.plans import Plan, build_plan, choose_workers
from labeldock.services.exporting.sending import Courier, Order
from labeldock.services.exporting.settling import Settlement, settle
from labeldock.telemetry import CorrelatedPool

_BEGIN_SECONDS: Final = 60.0
_GROUP: Final = 128
_GROUP_BYTES: Final = 8 * 1024 * 1024
_AHEAD: Final = 32
_TELL: Final = 16
_SETTLE_SECONDS: Final = 0.5
_SETTLE_MANY: Final = 100


def deliver_batch(app: AppContext, storage_id: int) -> int:
    """Deliver some of what is due for a storage; how many parcels there were.

    Failures are noted on their rows and tried again with backoff; none is raised.
    """
    parcels = claim_parcels(app, storage_id)
    if not parcels:
        return 0
    try:
        courier, workers = open_courier(app, storage_id)
    except LabeldockError as error:  # the provider is gone, or its settings are wrong
        settle(app, [Settlement(parcel, error) for parcel in parcels])
        return len(parcels)
    attributes = {"labeldock.storage.id": storage_id, "labeldock.parcels": len(parcels)}
    with (
        tracing.span("process delivery", attributes, kind="consumer"),
        CorrelatedPool(workers, "deliveries") as pool,
    ):
        _Round(app, pool, courier, workers).deliver(parcels)
    return len(parcels)


def open_courier(app: AppContext, storage_id: int) -> tuple[Courier, int]:
    """Who takes parcels to a storage's bucket, and how many at a time.

    Raises:
        LabeldockError: the storage cannot be used as it is.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"Storage {storage_id} does not exist.", field="storage")
        plan = build_plan(app.settings, storage)
        courier = Courier(app, open_connection(app, session, storage), plan)
        return courier, choose_workers(storage.max_workers)


def _divide(
    app: AppContext, plan: Plan, parcels: Sequence[Parcel]
) -> Iterator[list[Parcel]]:
    """Groups whose contents fit into memory together; what is huge goes alone."""
    with app.database.read() as session:
        sizes = _measure(session.connection(), plan, parcels)
    group: list[Parcel] = []
    total = 0
    for parcel in parcels:
        size = sizes.get(parcel.item.number, 0)
        if group and (total + size > _GROUP_BYTES or len(group) >= _GROUP):
            yield group
            group, total = [], 0
        group.append(parcel)
        total += size
    yield group


def _measure(
    connection: DatabaseConnection, plan: Plan, parcels: Sequence[Parcel]
) -> dict[int, int]:
    """About how many bytes the results of each item have."""
    place: Any = col(Annotation.task_id) if plan.is_by_task else col(Annotation.id)
    query = (
        select(place, func.sum(func.length(col(Annotation.result))))
        .where(place.in_([parcel.item.number for parcel in parcels]))
        .group_by(place)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def prepare_orders(
    app: AppContext, plan: Plan, parcels: Sequence[Parcel]
) -> list[Order]:
    """What to do with parcels, as it is known while they are ours.

    ETag and lease come out of one statement: an ETag of somebody who took over a key
    cannot come together with a lease that seems ours.
    """
    wanted = [parcel.item for parcel in parcels if parcel.wanted == "present"]
    with app.database.read() as session:
        connection = session.connection()
        contents = build_payloads(connection, plan, wanted) if wanted else {}
        held = select_etags(connection, parcels)
    orders = []
    for parcel in parcels:
        if parcel.id in held:
            content, version = contents.get(parcel.item, (None, 0))
            orders.append(Order(parcel, content, version, held[parcel.id]))
    return orders


class _Round:
    """The deliveries of one batch: the next group is made ready while one is sent."""

    def __init__(
        self, app: AppContext, pool: CorrelatedPool, courier: Courier, workers: int
    ) -> None:
        self._app, self._pool, self._courier = app, pool, courier
        self._workers = workers
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._done: SimpleQueue[list[Settlement | Parcel] | Exception] = SimpleQueue()
        self._pending = 0
        self._finished: list[Settlement] = []
        self._late: list[Parcel] = []
        self._settled = time.monotonic()

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Send them all, and note what came of each soon after."""
        for group in _divide(self._app, self._courier.plan, parcels):
            self._collect(_AHEAD)
            for order in prepare_orders(self._app, self._courier.plan, group):
                self._orders.put(order)
                self._pending += 1
            for _ in range(self._workers):
                self._pool.submit(self._send_some)
        self._collect(0)
        settle(self._app, self._finished)
        if self._late:
            give_back(self._app, self._late)

    def _send_some(self) -> None:
        """In a thread: send what there is; tell of several at once, to be quick."""
        results: list[Settlement | Parcel] = []
        told = time.monotonic()
        try:
            while True:
                results.append(_send(self._courier, self._orders.get_nowait()))
                if len(results) >= _TELL or time.monotonic() - told > _SETTLE_SECONDS:
                    self._done.put(results)
                    results, told = [], time.monotonic()
        except Empty:
            self._done.put(results)
        except Exception as error:  # noqa: BLE001  raised by who waits for the results
            self._done.put(error)

    def _collect(self, most: int) -> None:
        """Take in what is done until no more than `most` are under way."""
        while self._pending > most:
            results = self._done.get()
            if isinstance(results, Exception):
                raise results
            for result in results:
                self._pending -= 1
                if isinstance(result, Parcel):
                    self._late.append(result)
                else:
                    self._finished.append(result)
            is_time = time.monotonic() - self._settled > _SETTLE_SECONDS
            if is_time or len(self._finished) >= _SETTLE_MANY:
                settle(self._app, self._finished)
                self._finished, self._settled = [], time.monotonic()


def _send(courier: Courier, order: Order) -> Settlement | Parcel:
    """What came of it; the parcel itself if there was no time for it."""
    if time.monotonic() - order.parcel.claimed_at > _BEGIN_SECONDS:
        return order.parcel
    return Settlement(order.parcel, courier.send(order), order.version)

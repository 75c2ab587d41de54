"""A delivery taken step by step, so that others can come in between."""

from __future__ import annotations

from sqlmodel import update

from labeldock.db.tables import Outbox
from labeldock.db.types import database_now
from labeldock.services.exporting import claims, delivery, settling


class Carrier:
    """A worker that has claimed a parcel, taken step by step."""

    def __init__(self, desk, storage):
        self.app, self.storage = desk.app, storage
        (self.parcel,) = claims.claim_parcels(self.app, storage.id)
        self.courier, _ = delivery.open_courier(self.app, storage.id)
        self.prepare()

    def prepare(self):
        orders = delivery.prepare_orders(self.app, self.courier.plan, [self.parcel])
        self.order = orders[0] if orders else None
        return self

    def send(self, error=None):
        self.outcome = error or self.courier.send(self.order)
        return self

    def settle(self):
        version = self.order.version if self.order else 0
        done = settling.Settlement(self.parcel, self.outcome, version)
        settling.settle(self.app, [done])
        return self


def expire_leases(desk):
    with desk.app.database.write_connection() as connection:
        connection.execute(update(Outbox).values(lease_expires_at=database_now(-1)))

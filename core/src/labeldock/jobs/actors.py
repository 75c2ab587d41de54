"""The actors: one queue per kind of work, ids as arguments, each call a slice.

They are bound to the broker that they are declared on; importing this module has no
effect. All are idempotent: a run is held by a lease and an outbox row by another, so a
message that comes twice, or too late, finds nothing to do. And what a message is about
is not what it is taken for: any has one slice done, of the run whose turn it is.

Messages outlive a version: an actor, its queue and its first argument keep their names
and meaning, and what a newer version adds to a message is passed over here. `context`
says what log lines and traces the work belongs to (`telemetry.carry`), if it is there.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import dramatiq

from labeldock import telemetry
from labeldock.jobs.bell import BrokerBell
from labeldock.jobs.hands import RUN_KINDS, Hands, is_whole
from labeldock.services.context import AppContext
from labeldock.services.exporting.delivery import deliver_batch
from labeldock.services.leases import Lease
from labeldock.services.turns import charge_quietly, choose_delivery
from labeldock.services.working import work_slice

DELIVERY: Final = "delivery"
QUEUES: Final = (*RUN_KINDS, DELIVERY)
"""All queues: one for each kind of run, under its name, and one for deliveries."""


@dataclass(frozen=True, slots=True)
class Actors:
    """The actors of one broker; `runs` by kind of run."""

    runs: dict[str, dramatiq.Actor[..., None]]
    deliver: dramatiq.Actor[..., None]


def declare_actors(
    broker: dramatiq.Broker, app: AppContext, ending: threading.Event, hands: Hands
) -> Actors:
    """Declare the actors on a broker, working with these parts until told to end."""
    runs = {kind: _declare_run(broker, app, kind, ending, hands) for kind in RUN_KINDS}
    return Actors(runs, _declare_delivery(broker, app, ending, hands))


def _declare_run(
    broker: dramatiq.Broker,
    app: AppContext,
    kind: str,
    ending: threading.Event,
    hands: Hands,
) -> dramatiq.Actor[..., None]:
    bell = BrokerBell(broker)

    @dramatiq.actor(broker=broker, actor_name=f"{kind}_run", queue_name=kind)
    def work(
        run_id: int, *_later: object, context: object = None, **_named: object
    ) -> None:
        """One slice of what is to be done next; asks for another one if there is."""
        if not ending.is_set():
            with telemetry.resume(context):
                take_turn(run_id)

    def take_turn(run_id: int) -> None:
        with hands.at_work(), hands.hold_next(app, name_worker(), kind) as lease:
            if lease is None:
                return
            if lease.kind != kind:  # what this message was sent for is still to be done
                bell.ring_run(run_id, kind)
            if _work(app, lease, ending) and lease.kind == kind:
                bell.ring_run(lease.run_id, kind)

    return work


def _work(app: AppContext, lease: Lease, ending: threading.Event) -> bool:
    """Do one slice; whether there may be another one to do that nobody rang for.

    A team that may have so many runs at a time, and whatever takes a thread for long,
    have kept others waiting, whose messages have come in vain.
    """
    began = time.monotonic()
    wants_more = work_slice(app, lease, ending)
    charge_quietly(app, lease.organization_id, time.monotonic() - began)
    return wants_more or lease.is_limited or is_whole(lease)


def _declare_delivery(
    broker: dramatiq.Broker, app: AppContext, ending: threading.Event, hands: Hands
) -> dramatiq.Actor[..., None]:
    bell = BrokerBell(broker)

    @dramatiq.actor(broker=broker, actor_name="deliver", queue_name=DELIVERY)
    def deliver(
        storage_id: int, *_later: object, context: object = None, **_named: object
    ) -> None:
        """One batch of deliveries of a storage; asks for more after any."""
        if ending.is_set():
            return
        chosen, team = choose_delivery(app, storage_id)
        began = time.monotonic()
        # What a message says is of its own storage; and of one batch, since a trace
        # that goes on for as long as there is something to deliver has no end.
        ours = context if chosen == storage_id else None
        with hands.at_work(), _delivering(chosen, ours):
            count = deliver_batch(app, chosen)
        if count:
            charge_quietly(app, team, time.monotonic() - began)
            bell.ring_delivery(chosen)

    return deliver


@contextmanager
def _delivering(storage_id: int, context: object) -> Iterator[None]:
    """What is logged belongs to the request that rang, if it did."""
    with telemetry.resume(context):
        known = telemetry.find_correlation_id()
        with telemetry.correlate(known, storage_id=storage_id):
            yield


def name_worker() -> str:
    """A name for this worker thread that tells people where it is."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"

"""The actors: one queue per kind of work, ids as arguments, each call a slice.

They are bound to the broker that they are declared on; importing this module has no
effect. All are idempotent: a run is held by a lease and an outbox row by another, so a
message that comes twice, or too late, finds nothing to do.

Messages outlive a version: an actor, its queue and its first argument keep their names
and meaning, and what a newer version adds to a message is passed over here.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass

import dramatiq

from labeldock.jobs.bell import BrokerBell
from labeldock.services.context import AppContext
from labeldock.services.exporting.delivery import deliver_batch
from labeldock.services.working import claim_work, work_slice
from labeldock.telemetry import correlate

RUN_KINDS = (
    "import", "export", "dry_run", "backup", "restore", "reference_check",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actors:
    """The actors of one broker; `runs` by kind of run."""

    runs: dict[str, dramatiq.Actor[..., None]]
    deliver: dramatiq.Actor[..., None]


def declare_actors(
    broker: dramatiq.Broker, app: AppContext, ending: threading.Event
) -> Actors:
    """Declare the actors on a broker, working with these parts until told to end."""
    runs = {kind: _declare_run(broker, app, kind, ending) for kind in RUN_KINDS}
    return Actors(runs, _declare_delivery(broker, app, ending))


def _declare_run(
    broker: dramatiq.Broker, app: AppContext, kind: str, ending: threading.Event
) -> dramatiq.Actor[..., None]:
    bell = BrokerBell(broker)

    @dramatiq.actor(broker=broker, actor_name=f"{kind}_run", queue_name=kind)
    def work(run_id: int, *_later: object, **_named: object) -> None:
        """One slice of a run or a part of it; asks for the next one if it wants one."""
        if ending.is_set():
            return
        lease = claim_work(app, name_worker(), run_id)
        if lease is not None and work_slice(app, lease, ending):
            bell.ring_run(run_id, kind)

    return work


def _declare_delivery(
    broker: dramatiq.Broker, app: AppContext, ending: threading.Event
) -> dramatiq.Actor[..., None]:
    bell = BrokerBell(broker)

    @dramatiq.actor(broker=broker, actor_name="deliver", queue_name="delivery")
    def deliver(storage_id: int, *_later: object, **_named: object) -> None:
        """One batch of deliveries of a storage; asks for more after any."""
        with correlate(storage_id=storage_id):
            if not ending.is_set() and deliver_batch(app, storage_id):
                bell.ring_delivery(storage_id)

    return deliver


def name_worker() -> str:
    """A name for this worker thread that tells people where it is."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"

"""What came of parcels is noted: on the outbox, as export links, and to observers.

Many parcels in one transaction. One whose lease was lost meanwhile marks its key again,
since it cannot know which of two uploads came last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, bindparam, null
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import case, delete, update

from labeldock.contract.errors import LabeldockError, ProviderCrash
from labeldock.contract.observers import AnnotationDelivered, AnnotationFailed
from labeldock.contract.values import SavedObject
from labeldock.db.bulk import ManyRows, encode_time
from labeldock.db.columns import utc_now
from labeldock.db.types import database_now
from labeldock.metrics import DELIVERIES
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.exporting.claims import Parcel, ParcelLost, select_held
from labeldock.services.exporting.sending import Kept, Nothing, Outcome, Removed
from labeldock.services.exporting.wishes import LINK, OUTBOX
from labeldock.services.interruptions import describe_problem

MAX_ATTEMPTS: Final = 8
_log = structlog.get_logger(__name__)


class Settlement(NamedTuple):
    """A parcel and what came of it; `version` is that of the content, if any."""

    parcel: Parcel
    outcome: Outcome
    version: int = 0


def settle(app: AppContext, settlements: Sequence[Settlement]) -> None:
    """Note what came of parcels; then tell the observers."""
    if not settlements:
        return
    held = app.database.transact(
        lambda session: _note_all(session.connection(), settlements)
    )
    for each in settlements:
        if each.parcel.id in held or isinstance(each.outcome, LabeldockError):
            _announce(app, each)


def _note_all(
    connection: Connection, settlements: Sequence[Settlement]
) -> dict[int, int]:
    """Which parcels were still ours, and the versions wanted of them now."""
    parcels = [each.parcel for each in settlements]
    held = select_held(connection, parcels, lock=True)
    ours = [each for each in settlements if each.parcel.id in held]
    _note_deliveries(connection, ours)
    for each in ours:
        _note_exception(connection, each, held[each.parcel.id])
    for each in settlements:
        if each.parcel.id not in held:
            _mark_again(connection, each.parcel)
    return held


def _note_deliveries(connection: Connection, settlements: list[Settlement]) -> None:
    """What went well, which is nearly all of it, in two statements."""
    saved = [each for each in settlements if isinstance(each.outcome, SavedObject)]
    removed = [each for each in settlements if isinstance(each.outcome, Removed)]
    if saved or removed:
        ids = [each.parcel.id for each in (*saved, *removed)]
        connection.execute(_DELIVERED, {"rows": ids})
    if saved:
        now = encode_time(connection, utc_now())
        links = [_link(each, each.outcome, now) for each in saved]  # type: ignore[arg-type]
        _compile_link(connection).execute(connection, links)
    for each in removed:
        parcel = each.parcel
        connection.execute(
            delete(LINK).where(
                LINK.c.storage_id == parcel.storage_id, LINK.c.key == parcel.key
            )
        )


_DELIVERED: Final = (
    update(OUTBOX)
    .where(OUTBOX.c.id.in_(bindparam("rows", expanding=True)))
    .values(
        delivered_version=OUTBOX.c.claimed_version,
        attempts=0,
        in_doubt=0,
        problem=null(),
        lease_expires_at=null(),
        updated_at=database_now(),
    )
)


_LINKED: Final = (
    "storage_id", "key", "annotation_id", "task_id", "etag", "version",
    "content_version", "object_exists", "seen_at", "created_at", "updated_at",
)  # fmt: skip
_COMPILED: Final[dict[str, ManyRows]] = {}


def _link(each: Settlement, saved: SavedObject, now: Any) -> tuple[Any, ...]:
    parcel = each.parcel
    return (
        parcel.storage_id, parcel.key, parcel.annotation_id, parcel.task_id,
        saved.etag, parcel.version, each.version, True, now, now, now,
    )  # fmt: skip


def _compile_link(connection: Connection) -> ManyRows:
    name = connection.dialect.name
    if name not in _COMPILED:
        _COMPILED[name] = ManyRows(_build_link(name), _LINKED, connection.dialect)
    return _COMPILED[name]


@cache
def _build_link(dialect: str) -> Any:  # two types of insert
    module: Any = sqlite if dialect == "sqlite" else postgresql
    insert = module.insert(LINK)
    kept = {"id", "storage_id", "key", "created_at"}
    renewed = {c.name: insert.excluded[c.name] for c in LINK.c if c.name not in kept}
    return insert.on_conflict_do_update(
        index_elements=["storage_id", "key"], set_=renewed
    )


def note_link(connection: Connection, **values: Any) -> None:
    """Note an object that was written outside of the outbox."""
    now = utc_now()
    row = {
        "annotation_id": None, "task_id": None, "version": 0, "content_version": 0,
        "object_exists": True, "seen_at": now, "created_at": now, "updated_at": now,
        **values,
    }  # fmt: skip
    connection.execute(_build_link(connection.dialect.name), [row])


def _note_exception(connection: Connection, each: Settlement, wanted: int) -> None:
    """What did not go well, row by row."""
    parcel, outcome = each.parcel, each.outcome
    if isinstance(outcome, LabeldockError):
        values = _describe_failure(parcel, outcome, is_newest=wanted == parcel.version)
    elif isinstance(outcome, Nothing):
        values = _describe_nothing(parcel)
    elif isinstance(outcome, Kept):
        values = _describe_kept(parcel)
    else:
        return
    values |= {"lease_expires_at": None, "updated_at": database_now()}
    connection.execute(update(OUTBOX).where(OUTBOX.c.id == parcel.id).values(values))


def _describe_nothing(parcel: Parcel) -> dict[str, Any]:
    # Its annotation is gone: nothing was exported, and no run may count it.
    is_newest = OUTBOX.c.wanted_version == parcel.version
    return {
        "delivered_version": parcel.version,
        "wanted": case((is_newest, "left"), else_=OUTBOX.c.wanted),
        "run_id": None,
        "in_doubt": OUTBOX.c.in_doubt - 1,
        "attempts": 0,
        "problem": None,
    }


def _describe_kept(parcel: Parcel) -> dict[str, Any]:
    _log.warning("object_kept", storage_id=parcel.storage_id, key=parcel.key)
    return {
        "delivered_version": parcel.version,
        "attempts": 0,
        "in_doubt": 0,
        "problem": {
            "code": "object_changed",
            "message": "The object was changed after it was written, so it was kept.",
            "key": parcel.key,
            "remedy": "Remove it by hand if it is not needed.",
        },
    }


def _describe_failure(
    parcel: Parcel, error: LabeldockError, *, is_newest: bool
) -> dict[str, Any]:
    attempts = parcel.attempts + 1
    is_final = _is_final(parcel, error)
    _log.warning(
        "delivery_failed",
        storage_id=parcel.storage_id,
        key=parcel.key,
        code=error.code,
        reason=error.message,
        will_retry=not is_final,
    )
    # What has come to be wanted meanwhile was never tried, and so has not failed.
    return {
        "attempts": attempts if is_newest else OUTBOX.c.attempts,
        "has_failed": is_newest and is_final,
        "problem": describe_problem(error),
        "due_at": database_now(leases.compute_backoff(attempts, error)),
    }


def _is_final(parcel: Parcel, error: LabeldockError) -> bool:
    may_pass = error.retryable or isinstance(error, ProviderCrash | ParcelLost)
    return parcel.attempts + 1 >= MAX_ATTEMPTS or not may_pass


def _mark_again(connection: Connection, parcel: Parcel) -> None:
    _log.warning("delivery_lease_lost", storage_id=parcel.storage_id, key=parcel.key)
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.id == parcel.id)
        .values(
            wanted_version=OUTBOX.c.wanted_version + 1,
            has_failed=False,
            due_at=database_now(),
        )
    )


def _announce(app: AppContext, each: Settlement) -> None:
    parcel, outcome = each.parcel, each.outcome
    DELIVERIES.labels(getattr(outcome, "code", "ok")).inc()
    if isinstance(outcome, SavedObject):
        event = AnnotationDelivered(
            parcel.storage_id,
            parcel.key,
            parcel.annotation_id,
            parcel.task_id,
            outcome.etag,
        )
        app.catalog.notify("after_annotation_delivered", event)
    elif isinstance(outcome, LabeldockError):
        will_retry = not _is_final(parcel, outcome)
        failure = AnnotationFailed(
            parcel.storage_id, parcel.key, outcome.code, will_retry=will_retry
        )
        app.catalog.notify("after_annotation_failed", failure)

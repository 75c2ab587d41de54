"""The statements by which it is written down what a key should hold.

They are built once for each kind of database, since most of them stand in the
transaction in which somebody saves an annotation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table, func, null
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import and_, case, col, exists, false, literal, or_, select, update

from labeldock.db.bulk import ManyRows, encode_time
from labeldock.db.columns import utc_now
from labeldock.db.tables import ExportLink, Outbox
from labeldock.db.types import database_now
from labeldock.services.exporting.keys import Item, name_items
from labeldock.services.exporting.plans import Plan
from labeldock.services.exporting.templates import number_key

OUTBOX: Final[Table] = Outbox.__table__  # type: ignore[attr-defined]
LINK: Final[Table] = ExportLink.__table__  # type: ignore[attr-defined]
Match = Callable[[Table], Any]
"""Which rows of the outbox or of the links, both of which know task and annotation."""

_FRESH: Final[dict[str, Any]] = {
    "wanted_version": 1,
    "delivered_version": 0,
    "claimed_version": 0,
    "in_doubt": 0,
    "attempts": 0,
    "has_failed": False,
    "lease_token": 0,
}


def want_items(
    connection: Connection,
    storage_id: int,
    plan: Plan,
    items: Sequence[Item],
    *,
    run_id: int | None = None,
) -> int:
    """Have items written; on behalf of a run, or because they changed. How many."""
    names = name_items(connection, plan, items)
    if not names:
        return 0
    is_for_run, now = run_id is not None, utc_now()
    rows = [
        (storage_id, key, item.annotation_id, item.task_id, run_id, is_for_run,
         "present", now)
        for item, key in names.items()
    ]  # fmt: skip
    if plan.is_unique:
        time = encode_time(connection, now)
        encoded = [(*row[:-1], time) for row in rows]
        _compile_upsert(connection).execute(connection, encoded)
        return len(rows)
    known = _find_keys(connection, storage_id, plan, list(names))
    for item, row in zip(names, rows, strict=True):
        values = dict(zip(_WANTED, row, strict=True))
        _put_under_free_key(connection, plan, item, {**values, **known.get(item, {})})
    return len(rows)


_WANTED: Final = (
    "storage_id", "key", "annotation_id", "task_id", "run_id", "for_run", "wanted",
    "updated_at",
)  # fmt: skip
_COMPILED: Final[dict[str, ManyRows]] = {}


def _compile_upsert(connection: Connection) -> ManyRows:
    name = connection.dialect.name
    if name not in _COMPILED:
        upsert = _build_upsert(name, None)
        _COMPILED[name] = ManyRows(upsert, _WANTED, connection.dialect)
    return _COMPILED[name]


def _find_keys(
    connection: Connection, storage_id: int, plan: Plan, items: Sequence[Item]
) -> dict[Item, dict[str, str]]:
    """The keys that items have already, which they keep."""
    column = _item_column(plan)
    query = select(OUTBOX.c.task_id, OUTBOX.c.annotation_id, OUTBOX.c.key).where(
        OUTBOX.c.storage_id == storage_id,
        OUTBOX.c[column].in_([item.number for item in items]),
        OUTBOX.c.annotation_id.is_(None) if plan.is_by_task else True,
    )
    return {Item(row[0], row[1]): {"key": row[2]} for row in connection.execute(query)}


def _item_column(plan: Plan) -> str:
    return "task_id" if plan.is_by_task else "annotation_id"


def _put_under_free_key(
    connection: Connection, plan: Plan, item: Item, row: dict[str, Any]
) -> None:
    """A key that another item has is left to it; who comes later gets a number."""
    upsert = _build_upsert(connection.dialect.name, _item_column(plan))
    while connection.execute(upsert, row).first() is None:
        row["key"] = number_key(row["key"], item.number)


@cache
def _build_upsert(dialect: str, own: str | None) -> Any:  # two types of insert
    """Insert a row, or renew it; with `own`, only if it is of the same item."""
    module: Any = sqlite if dialect == "sqlite" else postgresql
    # Due by the database's clock, by which it will be found due.
    insert = module.insert(OUTBOX).values(due_at=database_now(), **_FRESH)
    new = insert.excluded
    upsert = insert.on_conflict_do_update(
        index_elements=["storage_id", "key"],
        set_=_renew(new),
        where=None if own is None else OUTBOX.c[own] == new[own],
    )
    return upsert if own is None else upsert.returning(OUTBOX.c.id)


def _renew(new: Any) -> dict[str, Any]:
    is_behind = OUTBOX.c.delivered_version < OUTBOX.c.wanted_version
    return {
        "wanted": new.wanted,
        "wanted_version": OUTBOX.c.wanted_version + 1,
        "annotation_id": new.annotation_id,
        "task_id": new.task_id,
        # A run counts what it delivers, so a removal is none of its business.
        "run_id": case(
            (new.wanted == "present", func.coalesce(new.run_id, OUTBOX.c.run_id)),
            else_=None,
        ),
        # What somebody else waits for already is not for the run alone.
        "for_run": case(
            (and_(new.for_run, is_behind), OUTBOX.c.for_run), else_=new.for_run
        ),
        "attempts": 0,
        "has_failed": False,
        "problem": null(),
        "due_at": new.due_at,
        "updated_at": new.updated_at,
    }


# Removal


def want_removal(
    connection: Connection, storage_ids: Sequence[int], match: Match
) -> None:
    """Have objects of ours removed, where one is known or may have been written."""
    if not storage_ids:
        return
    connection.execute(_remove_known(connection.dialect.name, storage_ids, match))
    is_known = exists().where(
        LINK.c.storage_id == OUTBOX.c.storage_id, LINK.c.key == OUTBOX.c.key
    )
    doubtful = (
        update(OUTBOX)
        .where(OUTBOX.c.storage_id.in_(storage_ids), match(OUTBOX))
        .where(OUTBOX.c.wanted == "present", OUTBOX.c.in_doubt > 0, ~is_known)
        .values(wanted_version=OUTBOX.c.wanted_version + 1, **_absent())
    )
    connection.execute(doubtful)
    leave(connection, storage_ids, match)


def _remove_known(dialect: str, storage_ids: Sequence[int], match: Match) -> Any:
    module: Any = sqlite if dialect == "sqlite" else postgresql
    columns = {
        "storage_id": LINK.c.storage_id,
        "key": LINK.c.key,
        "annotation_id": LINK.c.annotation_id,
        "task_id": LINK.c.task_id,
        **{name: literal(value) for name, value in _FRESH.items()},
        **_absent(),
    }
    found = select(*[_as_column(value, name) for name, value in columns.items()])
    found = found.where(LINK.c.storage_id.in_(storage_ids), match(LINK))
    insert = module.insert(OUTBOX).from_select(list(columns), found)
    return insert.on_conflict_do_update(
        index_elements=["storage_id", "key"],
        set_={"wanted_version": OUTBOX.c.wanted_version + 1, **_absent()},
    )


def _absent() -> dict[str, Any]:
    return {
        "wanted": literal("absent"),
        "run_id": null(),
        "for_run": false(),
        "attempts": literal(0),
        "has_failed": false(),
        "problem": null(),
        "due_at": database_now(),
        "updated_at": literal(utc_now(), OUTBOX.c.updated_at.type),
    }


def _as_column(value: Any, name: str) -> Any:
    return value.label(name)


def leave(connection: Connection, storage_ids: Sequence[int], match: Match) -> None:
    """Nothing more is to be written; an upload under way may still arrive."""
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.storage_id.in_(storage_ids), match(OUTBOX))
        .where(OUTBOX.c.wanted == "present")
        .values(_LEFT)
    )


_LEFT: Final[dict[str, Any]] = {
    "wanted": "left",
    "delivered_version": OUTBOX.c.wanted_version,
    "has_failed": False,
    "run_id": None,
    "for_run": False,
}


def leave_to_others(connection: Connection, run_id: int) -> None:
    """A run ends early: what it alone wanted to be written is wanted no more."""
    is_behind = OUTBOX.c.delivered_version < OUTBOX.c.wanted_version
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.run_id == run_id, is_behind, OUTBOX.c.for_run)
        .where(OUTBOX.c.wanted == "present")
        .values(_LEFT)
    )


# Due


def due_conditions() -> tuple[Any, ...]:
    """What makes a row of the outbox due: behind, not given up, not held."""
    return (
        col(Outbox.delivered_version) < col(Outbox.wanted_version),
        col(Outbox.has_failed).is_(False),
        col(Outbox.due_at) <= database_now(),
        or_(
            col(Outbox.lease_expires_at).is_(None),
            col(Outbox.lease_expires_at) < database_now(),
        ),
    )

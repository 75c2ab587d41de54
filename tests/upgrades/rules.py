"""What a migration may not do: an older version, or others at work, would not stand it.

While a release is rolled out, processes of the version before go on with the migrated
database. So a migration may only add what they can pass over. What nobody uses any more
is taken away by a later one, which names the release since when (`contracts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from typing import NamedTuple

from alembic.operations import ops
from sqlalchemy import Column, String
from sqlalchemy.types import TypeEngine

from tests.upgrades.recording import Migration

DATA = re.compile(r"\s*(UPDATE|DELETE|TRUNCATE|MERGE)\b", re.IGNORECASE)
ADDITION = re.compile(r"\s*INSERT\b", re.IGNORECASE)
VOLATILE = re.compile(
    r"\((?!\))|\b(random|clock_timestamp|gen_random_uuid|nextval)\(", re.IGNORECASE
)


class Fault(NamedTuple):
    """What is wrong with an operation.

    Attributes:
        is_final: whether it stays wrong when nobody uses the thing any more.
        gone: what is taken away, if the migrations have to have left it before.
    """

    text: str
    is_final: bool = False
    gone: str = ""


def find_faults(
    migrations: Sequence[Migration], released: Mapping[str, str]
) -> list[str]:
    """What is wrong with migrations; `released` has the revision of each release.

    The first one makes the schema, and may do anything.
    """
    return [
        f"{migration.revision} {text}"
        for index, migration in enumerate(migrations[1:], 1)
        for text in _check(migration, migrations[:index], released)
    ]


def _check(
    migration: Migration, before: Sequence[Migration], released: Mapping[str, str]
) -> Iterator[str]:
    if migration.asks:
        yield "asks the database what to do, so nobody can check it: use operations"
    if migration.contracts and migration.contracts not in released:
        known = ", ".join(released) or "none yet"
        yield f"contracts {migration.contracts}, which is no release ({known})"
        return
    yield from _check_mode(migration)
    new = {op.table_name for op in migration.operations if _makes_table(op)}
    for operation in migration.operations:
        if getattr(operation, "table_name", None) in new:
            continue  # nobody uses it yet
        fault = judge(operation)
        if fault is not None:
            yield from _weigh(fault, migration, before, released)


def _makes_table(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, ops.CreateTableOp)


def _check_mode(migration: Migration) -> Iterator[str]:
    indexes = [op for op in migration.operations if _is_concurrent(op)]
    if migration.concurrent and len(indexes) != len(migration.operations):
        yield "is concurrent, so it may hold create_index_concurrently alone"
    if indexes and not migration.concurrent:
        yield "makes an index concurrently, and does not say `concurrent = True`"


def _is_concurrent(operation: ops.MigrateOperation) -> bool:
    is_index = isinstance(operation, ops.CreateIndexOp)
    return is_index and bool(operation.kw.get("postgresql_concurrently"))


def _weigh(
    fault: Fault,
    migration: Migration,
    before: Sequence[Migration],
    released: Mapping[str, str],
) -> Iterator[str]:
    """Whether a fault is one in the phase that the migration is of."""
    if fault.is_final:
        yield fault.text
    elif not migration.contracts:
        yield f"{fault.text}; a later migration may, once nobody uses it (`contracts`)"
    elif fault.gone and not _was_left(
        fault.gone, before, released[migration.contracts]
    ):
        yield (
            f"{fault.text}, but no migration that {migration.contracts} has "
            f"`leaves` {fault.gone}: that release may still use it"
        )


def _was_left(gone: str, before: Sequence[Migration], head: str) -> bool:
    """Whether a migration up to a revision has left something for older versions."""
    revisions = [migration.revision for migration in before]
    if head not in revisions:
        return False
    upto = before[: revisions.index(head) + 1]
    left = {name for migration in upto for name in migration.leaves}
    return bool({gone, gone.partition(".")[0]} & left)


@singledispatch
def judge(operation: ops.MigrateOperation) -> Fault | None:
    """What is wrong with an operation; of a kind without a rule, all of it."""
    return Fault(
        f"does {type(operation).__name__}, which no rule is for", is_final=True
    )


@judge.register(ops.CreateTableOp)
@judge.register(ops.BulkInsertOp)
@judge.register(ops.CreateTableCommentOp)
def _add(_operation: ops.MigrateOperation) -> None:
    return None


@judge.register
def _add_column(operation: ops.AddColumnOp) -> Fault | None:
    column: Column = operation.column
    name = f"{operation.table_name}.{column.name}"
    default = column.server_default
    if not column.nullable and default is None:
        return Fault(
            f"adds {name} NOT NULL without a server default: the version "
            "before does not fill it",
            is_final=True,
        )
    if column.computed is not None or column.identity is not None:
        return Fault(f"adds {name}, which every row is written anew for", is_final=True)
    if default is not None and VOLATILE.search(str(default.arg)):
        return Fault(
            f"adds {name} with a default that every row is written anew for",
            is_final=True,
        )
    if column.unique or column.index or column.primary_key:
        return Fault(
            f"adds {name} with an index, which locks the table: make it "
            "concurrently, in a migration of its own",
            is_final=True,
        )
    return None


@judge.register
def _drop_column(operation: ops.DropColumnOp) -> Fault:
    name = f"{operation.table_name}.{operation.column_name}"
    return Fault(f"drops {name}", gone=name)


@judge.register
def _drop_table(operation: ops.DropTableOp) -> Fault:
    return Fault(f"drops {operation.table_name}", gone=operation.table_name)


@judge.register
def _rename_table(operation: ops.RenameTableOp) -> Fault:
    return Fault(
        f"renames {operation.table_name}: add the new one, write both, and "
        "drop the old one later",
        is_final=True,
    )


@judge.register
def _alter_column(operation: ops.AlterColumnOp) -> Fault | None:
    name = f"{operation.table_name}.{operation.column_name}"
    if operation.modify_name:
        return Fault(
            f"renames {name}: add the new one, write both, and drop the old one later",
            is_final=True,
        )
    if operation.modify_type is not None and not _is_wider(operation):
        return Fault(
            f"changes the type of {name}, which rows are written anew for, and "
            "which the version before may not stand: add a column",
            is_final=True,
        )
    if operation.modify_nullable is False:
        return Fault(f"makes {name} NOT NULL")
    if operation.modify_server_default is None:
        return Fault(f"takes the server default of {name} away")
    return None


def _is_wider(operation: ops.AlterColumnOp) -> bool:
    """Whether text may only become longer, which costs PostgreSQL nothing."""
    before, after = operation.existing_type, operation.modify_type
    if not (_is_text(before) and _is_text(after)):
        return False
    return after.length is None or (
        before.length is not None and before.length <= after.length
    )


def _is_text(kind: TypeEngine | None) -> bool:
    return isinstance(kind, String)


@judge.register
def _create_index(operation: ops.CreateIndexOp) -> Fault | None:
    if not _is_concurrent(operation):
        return Fault(
            f"makes {operation.index_name}, which keeps writers out: use "
            "create_index_concurrently",
            is_final=True,
        )
    if operation.unique:
        return Fault(
            f"makes {operation.index_name} unique: the version before may "
            "write what it refuses"
        )
    return None


@judge.register
def _drop_index(operation: ops.DropIndexOp) -> Fault:
    return Fault(f"drops {operation.index_name}")


@judge.register(ops.CreateUniqueConstraintOp)
@judge.register(ops.CreateForeignKeyOp)
@judge.register(ops.CreateCheckConstraintOp)
@judge.register(ops.CreatePrimaryKeyOp)
def _create_constraint(operation: ops.AddConstraintOp) -> Fault:
    return Fault(
        f"adds {operation.constraint_name}: the version before may write what "
        "it refuses"
    )


@judge.register
def _drop_constraint(operation: ops.DropConstraintOp) -> Fault:
    return Fault(f"drops {operation.constraint_name}")


@judge.register
def _execute(operation: ops.ExecuteSQLOp) -> Fault | None:
    text = str(operation.sqltext)
    if ADDITION.match(text):
        return None
    if DATA.match(text):
        return Fault(
            "changes rows, which are locked until it ends: let workers do it, "
            "some at a time"
        )
    return Fault(
        f"executes SQL that no rule is for ({text[:40]!r}): use operations",
        is_final=True,
    )

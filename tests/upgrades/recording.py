"""What a migration would do: its operations, noted and not carried out."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import BatchOperations, Operations
from alembic.operations.ops import CreateTableOp, MigrateOperation


@dataclass(frozen=True)
class Migration:
    """A migration, what it declares, and what it would do.

    Attributes:
        contracts: the release since which nobody uses what is taken away, or "".
        leaves: what stays for older versions alone, as `table` or `table.column`.
        concurrent: whether it runs outside of a transaction.
    """

    revision: str
    follows: str | None
    operations: tuple[MigrateOperation, ...]
    contracts: str = ""
    leaves: tuple[str, ...] = ()
    concurrent: bool = False
    asks: bool = False


class _Notes:
    """Stands in for Alembic's operations, in either of their two forms."""

    def invoke(self, operation: MigrateOperation) -> Any:
        """Note it; a table that would be made is there for what comes after."""
        self.noted.append(operation)
        if isinstance(operation, CreateTableOp):
            return operation.to_table(self.migration_context)
        return None


class BatchRecorder(_Notes, BatchOperations):
    """Within a batch."""


class Recorder(_Notes, Operations):
    """Outside of one."""

    def __init__(self) -> None:
        """Note what would be done on PostgreSQL, where more can go wrong."""
        options = {"as_sql": True, "target_metadata": None}
        super().__init__(
            MigrationContext.configure(dialect_name="postgresql", opts=options)
        )
        self.noted: list[MigrateOperation] = []
        self.asks = False

    @contextmanager
    def batch_alter_table(
        self, table_name: str, schema: str | None = None, **_: Any
    ) -> Iterator[BatchRecorder]:
        """Note what is done to one table."""
        impl = SimpleNamespace(table_name=table_name, schema=schema)
        recorder = BatchRecorder(self.migration_context, impl=impl)
        recorder.noted = self.noted
        yield recorder

    def get_bind(self) -> Any:
        """Note that it asks the database, which nobody can check, and go no further."""
        self.asks = True
        raise _AskedTheDatabaseError


class _AskedTheDatabaseError(Exception):
    pass


def record(path: Path) -> Migration:
    """What the migration in a file would do."""
    module = _load(path)
    recorder = Recorder()
    module.op = recorder
    with suppress(_AskedTheDatabaseError):  # `asks` says so
        module.upgrade()
    return Migration(
        revision=module.revision,
        follows=module.down_revision,
        operations=tuple(recorder.noted),
        contracts=getattr(module, "contracts", ""),
        leaves=tuple(getattr(module, "leaves", ())),
        concurrent=getattr(module, "concurrent", False),
        asks=recorder.asks,
    )


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"recorded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record_all(*folders: Path) -> list[Migration]:
    """Every migration in some folders, each after the one that it follows."""
    paths = [p for f in folders for p in sorted(f.glob("*.py")) if p.stem != "__init__"]
    found = {migration.follows: migration for migration in map(record, paths)}
    ordered, last = [], None
    while last in found:
        ordered.append(found[last])
        last = ordered[-1].revision
    assert len(ordered) == len(paths), "the migrations are no single line"
    return ordered

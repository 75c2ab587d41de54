"""Migrations: bring a database to the schema of this version, or say where it is.

Older versions go on working while and after a migration runs: what is new is added
first, and what nobody uses any more is taken away by a later release.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.exc import OperationalError

import labeldock.db.accounts
import labeldock.db.archives
import labeldock.db.audit
import labeldock.db.drafts
import labeldock.db.history
import labeldock.db.incoming
import labeldock.db.partitions
import labeldock.db.slots
import labeldock.db.task_locks
import labeldock.db.teams
import labeldock.db.views  # noqa: F401  their tables belong to the schema
from labeldock.contract.errors import ConfigurationError, Conflict
from labeldock.db.engine import Database
from labeldock.db.messages import SCHEMA
from labeldock.db.revisions import find_head, list_revisions, read_revision
from labeldock.db.schema_floor import find_oldest, parse_release, require_supported

if TYPE_CHECKING:  # Alembic is imported only to migrate: see `revisions`
    from alembic.config import Config
    from alembic.script import Script, ScriptDirectory

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_VERSIONS: tuple[Path, ...] = (_MIGRATIONS / "versions",)
_LOCK_TIMEOUT: Final = 2_000  # milliseconds; meanwhile all others wait behind it
_LOCK_PAUSE: Final = 1.0  # seconds, in which they go on
_LOCK_TRIES: Final = 30
_LOCKED: Final = "55P03"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a revision, the newest by default.

    One that a newer version has brought further stays as it is.

    Raises:
        ConfigurationError: a newer version has taken away what this one needs.
        Conflict: a table stayed locked.
    """
    found = current_revision(database)
    if found is not None and found == head_revision() and revision == "head":
        return  # without waiting for a turn to write
    if found is not None and is_ahead(found):
        require_supported(database, found)
        return
    for target, is_concurrent in _list_steps(database, found, revision):
        _go_to(database, target, is_concurrent=is_concurrent)


def _list_steps(
    database: Database, found: str | None, revision: str
) -> Iterator[tuple[str, bool]]:
    """Revisions to go to one after the other, and whether outside of a transaction.

    Whatever may be is one transaction.
    """
    target = None
    for script in _list_pending(found, revision):
        if getattr(script.module, "concurrent", False) and not database.is_sqlite:
            if target is not None:
                yield target, False
            yield script.revision, True
            target = None
        else:
            target = script.revision
    if target is not None:
        yield target, False


def _list_pending(found: str | None, revision: str) -> list[Script]:
    """Migrations that lead from one revision to another, in their order."""
    scripts = _open_scripts()
    return list(reversed(list(scripts.iterate_revisions(revision, found or "base"))))


def _go_to(database: Database, target: str, *, is_concurrent: bool) -> None:
    """Migrate; a lock that somebody holds is waited for in short turns.

    Whoever waits for a table makes everybody else wait who comes after.
    """
    for attempt in range(1, _LOCK_TRIES + 1):
        try:
            if is_concurrent:
                _alter_concurrently(database, target)
            else:
                _alter(database, _build_upgrade(target))
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCKED:
                raise
            if attempt == _LOCK_TRIES:
                raise _describe_lock() from error
            time.sleep(_LOCK_PAUSE)
        else:
            return


def _describe_lock() -> Conflict:
    return Conflict(
        "A table that the migration changes stayed locked by somebody else.",
        remedy="End long transactions (see pg_stat_activity), and run it again: "
        "labeldock migrate",
    )


def find_next_floor(database: Database) -> str:
    """The oldest version that may run after an upgrade, if it takes anything away."""
    found = current_revision(database)
    if found is not None and is_ahead(found):
        return ""
    floors = map(find_oldest, _list_pending(found, "head"))
    return max(filter(None, floors), key=parse_release, default="")


def downgrade(database: Database, revision: str) -> None:
    """Bring the database back to an earlier revision; `base` for an empty one."""
    from alembic import command  # noqa: PLC0415

    _alter(database, lambda config: command.downgrade(config, revision))


def current_revision(database: Database) -> str | None:
    """The revision that the database is at, None for an empty one."""
    with database.engine.connect() as connection:
        return read_revision(connection)


def head_revision() -> str | None:
    """The newest revision that this version knows."""
    return find_head(_VERSIONS)


def ensure_current(database: Database) -> None:
    """Check that this version can run on the schema that the database has.

    A newer one will do, unless it took away what this version needs.

    Raises:
        ConfigurationError: it is older, or too new.
    """
    found, wanted = current_revision(database), head_revision()
    if found == wanted:
        return
    if found is not None and is_ahead(found):
        require_supported(database, found)
        return
    raise ConfigurationError(
        f"The database is at schema revision {found or 'none'}, this version "
        f"needs {wanted}.",
        field="LABELDOCK_DATABASE_URL",
        remedy="Run: labeldock migrate",
    )


def is_ahead(found: str | None) -> bool:
    """Whether a revision is one of a version newer than this one."""
    return found is not None and found not in list_revisions(_VERSIONS)


def list_differences(database: Database) -> list[object]:
    """What the migrations and the tables disagree on; empty when all is well.

    What a migration leaves behind for older versions (its `leaves`, as `table` or
    `table.column`) is no difference.
    """
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    left = set(_list_left())

    def is_ours(thing: Any, name: str | None, kind: str, *more: Any) -> bool:
        is_reflected = more[0]  # Alembic calls it by position
        return not (is_reflected and _name_places(thing, name, kind) & left)

    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_object": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, SCHEMA))


def _list_left() -> Iterator[str]:
    for script in _open_scripts().walk_revisions():
        yield from getattr(script.module, "leaves", ())


def _name_places(thing: Any, name: str | None, kind: str) -> set[str]:
    """Where something of a schema is: a table, columns, or an index over columns."""
    if kind == "table":
        return {str(name)}
    if kind == "column":
        return {thing.table.name, f"{thing.table.name}.{name}"}
    columns = getattr(thing, "columns", ())
    return {thing.table.name, *(f"{thing.table.name}.{c.name}" for c in columns)}


def list_tables() -> list[Table]:
    """All tables, those first that others refer to."""
    return SCHEMA.sorted_tables


def upgrade_within(connection: Connection) -> None:
    """Bring a database to the newest revision, as part of a transaction."""
    _alter_within(connection, _build_upgrade("head"))


def _alter(database: Database, action: Callable[[Config], None]) -> None:
    with database.migrate_connection(lock_timeout=_LOCK_TIMEOUT) as connection:
        _alter_within(connection, action)


def _alter_concurrently(database: Database, target: str) -> None:
    with database.autocommit_connection() as connection:
        _alter_within(connection, _build_upgrade(target))


def _alter_within(connection: Connection, action: Callable[[Config], None]) -> None:
    config = _build_config()
    config.attributes["connection"] = connection
    action(config)


def _build_upgrade(target: str) -> Callable[[Config], None]:
    from alembic import command  # noqa: PLC0415

    return lambda config: command.upgrade(config, target)


def _open_scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory.from_config(_build_config())


def _build_config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    for name, paths in (
        ("script_location", (_MIGRATIONS,)),
        ("version_locations", _VERSIONS),
    ):
        text = os.pathsep.join(map(str, paths))
        config.set_main_option(name, text.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

"""Migrations: bring a database to the schema of this version, or say where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table

import labeldock.db.accounts
import labeldock.db.archives
import labeldock.db.audit
import labeldock.db.drafts
import labeldock.db.history
import labeldock.db.incoming
import labeldock.db.partitions
import labeldock.db.slots
import labeldock.db.task_locks
import labeldock.db.views  # noqa: F401  their tables belong to the schema
from labeldock.contract.errors import ConfigurationError
from labeldock.db.engine import Database
from labeldock.db.messages import SCHEMA

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a revision, the newest by default.

    Raises:
        ConfigurationError: it has the schema of a newer version.
    """
    found = current_revision(database)
    if found is not None and found == head_revision() and revision == "head":
        return  # without waiting for a turn to write
    _refuse_newer(found)
    _alter(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Bring the database back to an earlier revision; `base` for an empty one."""
    _alter(database, lambda config: command.downgrade(config, revision))


def current_revision(database: Database) -> str | None:
    """The revision that the database is at, None for an empty one."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest revision that this version knows."""
    return ScriptDirectory.from_config(_build_config()).get_current_head()


def ensure_current(database: Database) -> None:
    """Check that the database has the schema that this version was written for.

    Raises:
        ConfigurationError: it has an older or a newer one.
    """
    found, wanted = current_revision(database), head_revision()
    if found == wanted:
        return
    _refuse_newer(found)
    raise ConfigurationError(
        f"The database is at schema revision {found or 'none'}, this version "
        f"needs {wanted}.",
        field="LABELDOCK_DATABASE_URL",
        remedy="Run: labeldock migrate",
    )


def _refuse_newer(found: str | None) -> None:
    scripts = ScriptDirectory.from_config(_build_config())
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The database is at schema revision {found}, which this version of "
            "Labeldock does not know: a newer one has migrated it.",
            field="LABELDOCK_DATABASE_URL",
            remedy="Install the newer version, or restore a backup from before.",
        )


def list_differences(database: Database) -> list[object]:
    """What the migrations and the tables disagree on; empty when all is well."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, SCHEMA))


def list_tables() -> list[Table]:
    """All tables, those first that others refer to."""
    return SCHEMA.sorted_tables


def upgrade_within(connection: Connection) -> None:
    """Bring a database to the newest revision, as part of a transaction."""
    _alter_within(connection, lambda config: command.upgrade(config, "head"))


def _alter(database: Database, action: Callable[[Config], None]) -> None:
    with database.migrate_connection() as connection:
        _alter_within(connection, action)


def _alter_within(connection: Connection, action: Callable[[Config], None]) -> None:
    config = _build_config()
    config.attributes["connection"] = connection
    action(config)


def _build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config

"""Which versions may still run on a schema: a migration that takes away says so.

A version that meets a schema newer than itself reads here whether it can go on. Part of
the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

import re
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, inspect, select
from sqlmodel import Field, SQLModel, col

from labeldock.contract.errors import ConfigurationError
from labeldock.db.columns import time_of_writing
from labeldock.db.engine import Database

if TYPE_CHECKING:  # it is imported only to migrate
    from alembic.runtime.migration import MigrationContext, MigrationInfo

_RELEASE: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class SchemaFloor(SQLModel, table=True):
    """A revision that took something away, and the oldest version that did not use it.

    Without a row, every version may run on the schema.
    """

    __tablename__ = "schema_floor"

    revision: str = Field(primary_key=True)
    oldest_version: str
    noted_at: datetime = time_of_writing()


def note_step(
    ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object
) -> None:
    """Note what a migration says of older versions; Alembic calls it after each."""
    oldest = find_oldest(step.up_revision)
    connection = ctx.connection
    if not oldest or connection is None:
        return
    if step.is_upgrade:
        revision = str(step.up_revision_id)
        row = SchemaFloor(revision=revision, oldest_version=oldest)
        connection.execute(insert(SchemaFloor).values(row.model_dump()))
    else:
        mine = col(SchemaFloor.revision) == step.up_revision_id
        connection.execute(delete(SchemaFloor).where(mine))


def find_oldest(script: Any) -> str:  # of Alembic, whose module may be anything
    """The version since which nobody uses what a migration takes away; or `''`."""
    return str(getattr(script.module, "contracts", ""))


def require_supported(database: Database, found: str) -> None:
    """Check that this version may run on a schema that it does not know.

    Raises:
        ConfigurationError: it may not, or nothing is known of the schema.
    """
    floor = load_floor(database)
    if floor is not None and not is_older(version("labeldock"), floor):
        return
    needed = "a newer one" if floor is None else f"version {floor} or later"
    raise ConfigurationError(
        f"The database is at schema revision {found}, which this version of "
        f"Labeldock does not know, and which needs {needed}.",
        field="LABELDOCK_DATABASE_URL",
        remedy="Install the newer version, or restore a backup from before.",
    )


def load_floor(database: Database) -> str | None:
    """The oldest version that may run; None if this is no schema that says so."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table(SchemaFloor.__tablename__):
            return None
        rows = connection.execute(select(col(SchemaFloor.oldest_version)))
        return max((str(row[0]) for row in rows), key=parse_release, default="0.0.0")


def is_older(one: str, other: str) -> bool:
    """Whether a version comes before another one; one that leads to it does not."""
    return parse_release(one) < parse_release(other)


def parse_release(text: str) -> tuple[int, int, int]:
    """The three numbers of a version; what follows them does not count.

    Raises:
        ValueError: it does not begin with numbers.
    """
    found = _RELEASE.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no version")
    return int(found[1]), int(found[2]), int(found[3] or 0)

"""Which revision a database is at, and which is the newest, without Alembic.

Every process asks when it starts. Alembic, with what it imports, would be a tenth of
what a web process holds, and of the time that it takes to be ready.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

_TABLE: Final = "alembic_version"
_REVISION: Final = re.compile(r"^revision(?:: [^=]+)? = (['\"])(.+?)\1", re.MULTILINE)
_EARLIER: Final = re.compile(
    r"^down_revision(?:: [^=]+)? = (?:None|(['\"])(.+?)\1)", re.MULTILINE
)


def read_revision(connection: Connection) -> str | None:
    """The revision of a database; None for an empty one."""
    if not inspect(connection).has_table(_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608
    return found.scalars().one_or_none()


def list_revisions(folders: Iterable[Path]) -> dict[str, str | None]:
    """The migrations in these folders, each with the one before it."""
    found = {}
    for path in (path for folder in folders for path in folder.glob("*.py")):
        source = path.read_text("utf-8")
        revision, earlier = _REVISION.search(source), _EARLIER.search(source)
        if revision is not None and earlier is not None:
            found[revision[2]] = earlier[2]
    return found


def find_head(folders: Iterable[Path]) -> str | None:
    """The newest migration in these folders, which none comes after."""
    found = list_revisions(folders)
    heads = found.keys() - set(found.values())
    return heads.pop() if len(heads) == 1 else None

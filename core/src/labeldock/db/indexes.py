"""What migrations share: an index that is made while others write.

PostgreSQL keeps all writers of a table out while it makes an index, unless it is told
to make it concurrently, which it refuses within a transaction. A migration that does so
says `concurrent = True`, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.operations import Operations


def create_index_concurrently(
    op: Operations, name: str, table: str, columns: Sequence[Any], **options: Any
) -> None:
    """Make an index without keeping writers out, where that is possible.

    On SQLite, and in an empty database that is made in one transaction, it is an
    ordinary index. What an attempt has left that was broken off is removed first.
    """
    context = op.get_context()
    if not context.as_sql:
        bind = op.get_bind()
        mode = bind.get_execution_options().get("isolation_level")
        if bind.dialect.name != "postgresql" or mode != "AUTOCOMMIT":
            op.create_index(name, table, columns, **options)
            return
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
    op.create_index(name, table, columns, postgresql_concurrently=True, **options)

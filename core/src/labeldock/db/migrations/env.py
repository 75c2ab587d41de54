"""How Alembic runs: on the connection, and in the transaction, that it is given."""

from __future__ import annotations

from alembic import context

from labeldock.db.messages import SCHEMA
from labeldock.db.schema_floor import note_step

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SCHEMA,
    render_as_batch=True,
    on_version_apply=note_step,
    transactional_ddl=False,  # the caller's write scope is the transaction
)
context.run_migrations()

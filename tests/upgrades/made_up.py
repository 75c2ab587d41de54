"""Migrations that nobody needs, to see what becomes of them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from unittest.mock import patch

from labeldock.db import schema

TEMPLATE = '''\
"""Made up."""

import sqlalchemy as sa
from alembic import op

from labeldock.db import types
from labeldock.db.indexes import create_index_concurrently

revision = {revision!r}
down_revision = {follows!r}
branch_labels = None
depends_on = None
{declared}

def upgrade():
{body}


def downgrade():
{undo}
'''

# What a next version might add: columns, a table, and an index over many rows.
NEXT = """
with op.batch_alter_table("project") as batch:
    batch.add_column(sa.Column("season", sa.String(), nullable=True))
with op.batch_alter_table("task") as batch:
    batch.add_column(
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False)
    )
op.create_table(
    "nest",
    sa.Column("id", types.BigId, primary_key=True),
    sa.Column("task_id", types.BigId, sa.ForeignKey("task.id", ondelete="CASCADE")),
)
op.execute("INSERT INTO nest (id) VALUES (1)")
"""
UNDO_NEXT = """
op.drop_table("nest")
with op.batch_alter_table("task") as batch:
    batch.drop_column("weight")
with op.batch_alter_table("project") as batch:
    batch.drop_column("season")
"""
INDEX = 'create_index_concurrently(op, "ix_task_weight", "task", ["weight"])'
UNDO_INDEX = 'op.drop_index("ix_task_weight", "task")'


def write_migration(
    folder: Path,
    revision: str,
    follows: str | None,
    body: str,
    *,
    undo: str = "pass",
    **declared: object,
) -> Path:
    """Write a migration of these operations, with what it declares."""
    path = folder / f"{revision}_made_up.py"
    lines = [f"{name} = {value!r}\n" for name, value in declared.items()]
    text = TEMPLATE.format(
        revision=revision,
        follows=follows,
        declared="".join(lines),
        body=textwrap.indent(body.strip(), "    "),
        undo=textwrap.indent(undo.strip(), "    "),
    )
    path.write_text(text, "utf-8")
    return path


def write_next(folder: Path, head: str) -> list[str]:
    """Write what a next version might add to a schema; the new revisions."""
    folder.mkdir(exist_ok=True)
    write_migration(folder, "next1", head, NEXT, undo=UNDO_NEXT)
    write_migration(folder, "next2", "next1", INDEX, undo=UNDO_INDEX, concurrent=True)
    return ["next1", "next2"]


class NewerVersion:
    """A version that has more migrations, for as long as it is called."""

    def __init__(self, folder: Path) -> None:
        """Its migrations are in a new folder, and none yet."""
        self.folder = folder
        folder.mkdir()

    def __call__(self, act, *arguments):
        """Do something as that version."""
        folders = (*schema._VERSIONS, self.folder)
        with patch.object(schema, "_VERSIONS", folders):
            return act(*arguments)

"""`labeldock migrate`: bring the database to the schema of this version."""

from __future__ import annotations

import typer

from labeldock.cli.operating import load_terminal_settings


def migrate() -> None:
    """Bring the database to the schema of this version.

    A database in the home folder is also migrated by itself, at every start; a shared
    one only by this command. Stop the service and make a backup first.
    """
    from contextlib import closing

    from labeldock.db import schema
    from labeldock.db.engine import Database

    settings = load_terminal_settings()
    with closing(Database(settings.effective_database_url)) as database:
        before = schema.current_revision(database)
        schema.upgrade(database)
        after = schema.current_revision(database)
    if before == after:
        typer.echo(f"The database is at revision {after} already.")
    else:
        typer.echo(f"Migrated the database from {before or 'nothing'} to {after}.")

"""A PostgreSQL to measure on: the one that the tests start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console

from tests.servers.postgres import PostgresServer, fresh_database, run_postgres
from tests.servers.process import ServerMissing

__all__ = ["PostgresServer", "fresh_database", "started_postgres"]


@contextmanager
def started_postgres(console: Console) -> Iterator[PostgresServer | None]:
    """A server without durability; None, and a line that says so, if there is none."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(run_postgres())
        except ServerMissing as missing:
            console.print(f"  without PostgreSQL: {missing}", style="yellow")
            server = None
        yield server

"""A PostgreSQL for the tests, on a free port, in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.servers.process import (
    ATTEMPTS,
    ServerFailed,
    ServerMissing,
    as_user,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

# It has no data worth keeping.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `url` names a database that is always there."""

    url: str

    def url_of(self, database: str) -> str:
        """The URL of another database on this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def run(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Start a server, or take the one of LABELDOCK_TEST_POSTGRES_URL."""
    given = os.environ.get("LABELDOCK_TEST_POSTGRES_URL")
    if given:
        yield PostgresServer(given)
        return
    programs, user = find_programs(), choose_user()
    with temporary_folder("postgres", user) as folder, contextlib.ExitStack() as stack:
        data = folder / "data"
        init(programs, data, user)
        yield _start(stack, programs, data, user)


@contextlib.contextmanager
def fresh_database(server: PostgresServer) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    server.run(f"CREATE DATABASE {name}")
    try:
        yield server.url_of(name)
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def choose_user() -> str | None:
    """Whom the server runs as: it refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def find_programs() -> Path:
    """The folder of the newest server's programs."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(debian, key=lambda path: int(path.parts[-3]))
    if not versions:
        raise ServerMissing("PostgreSQL", "postgresql")
    return versions[-1].parent


def init(programs: Path, data: Path, user: str | None) -> None:
    """Make an empty cluster."""
    command = [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres"]
    command += ["--no-sync", "-E", "UTF8", "--locale=C", *_collation(programs)]
    done = subprocess.run(
        command,
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        **as_user(user),
    )
    if done.returncode != 0:
        raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")


def _collation(programs: Path) -> list[str]:
    """Sort as people do, where it can: code that needs byte order has to say so."""
    help_ = subprocess.run(
        [programs / "initdb", "--help"], capture_output=True, text=True, check=True
    )
    if "--icu-locale" not in help_.stdout:
        return []
    return ["--locale-provider=icu", "--icu-locale=en"]


def _start(
    stack: contextlib.ExitStack, programs: Path, data: Path, user: str | None
) -> PostgresServer:
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(ServerFailed):  # somebody else took the port
            return _start_once(stack, programs, data, user)
    return _start_once(stack, programs, data, user)


def _start_once(
    stack: contextlib.ExitStack, programs: Path, data: Path, user: str | None
) -> PostgresServer:
    port = free_port()
    command = build_command(programs, data, port)
    process = stack.enter_context(
        run_server(command, data.parent, user=user, stop=signal.SIGINT)
    )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    wait_until_ready(process, data.parent, lambda: ask(url, data))
    return PostgresServer(url)


def build_command(programs: Path, data: Path, port: int) -> list[str]:
    """What starts a server on a cluster."""
    options = [f"port={port}", "listen_addresses=127.0.0.1"]
    options += ["unix_socket_directories=", *FAST]
    command = [str(programs / "postgres"), "-D", str(data)]
    return command + [part for option in options for part in ("-c", option)]


def ask(url: str, data: Path) -> bool | None:
    """Whether the server of this cluster answers there."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return None
    return found == (str(data),) or None

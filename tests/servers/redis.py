"""A Redis for the tests, on a free port, in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.servers.process import (
    ATTEMPTS,
    ServerFailed,
    ServerMissing,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)


@contextlib.contextmanager
def run_redis(number: int = 0) -> Iterator[str]:
    """Start a server and give its URL, or that of LABELDOCK_TEST_REDIS_URL.

    `number` selects the database there, so that test processes do not share one.
    """
    given = os.environ.get("LABELDOCK_TEST_REDIS_URL")
    if given:
        yield f"{given.rstrip('/')}/{number}" if given.count("/") < 3 else given
        return
    program = find_program()
    with temporary_folder("redis") as folder, contextlib.ExitStack() as stack:
        yield _start(stack, program, folder)


@contextlib.contextmanager
def flushed_database(url: str) -> Iterator[str]:
    """The URL of the database, emptied before and after."""
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
        yield url
        client.flushdb()


def find_program() -> str:
    """The server's program."""
    program = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise ServerMissing("redis-server", "redis-server")
    return program


def _start(stack: contextlib.ExitStack, program: str, folder: Path) -> str:
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(ServerFailed):  # somebody else took the port
            return _start_once(stack, program, folder)
    return _start_once(stack, program, folder)


def _start_once(stack: contextlib.ExitStack, program: str, folder: Path) -> str:
    port = free_port()
    server = stack.enter_context(
        run_server(build_command(program, folder, port), folder)
    )
    wait_until_ready(server, folder, lambda: ask(server, port))
    return f"redis://127.0.0.1:{port}/0"


def build_command(program: str, folder: Path, port: int) -> list[str]:
    """What starts a server that keeps nothing."""
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return [*command, "--appendonly", "no", "--dir", str(folder)]


def ask(server: subprocess.Popen[bytes], port: int) -> bool | None:
    """Whether this process answers there."""
    try:
        with contextlib.closing(redis.Redis(port=port)) as client:
            return client.info("server")["process_id"] == server.pid or None
    except redis.ConnectionError:
        return None

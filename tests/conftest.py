"""What every test stands on: a clean environment, no network, servers on demand."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from hypothesis import settings

from tests.chaos.tally import pytest_terminal_summary
from tests.secrecy.plugin import SecrecyPlugin
from tests.servers.postgres import PostgresServer, fresh_database, run_postgres
from tests.servers.process import ServerMissing
from tests.servers.redis import flushed_database, run_redis

__all__ = ["pytest_terminal_summary"]  # a hook: the kills of all processes

T = TypeVar("T")

# A developer's own settings and credentials must not decide how a test ends.
FOREIGN = (
    "LABELDOCK_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "FUTURE_SAVE_",
    "LOCAL_FILES_",
    "RESOLVER_PROXY_",
    "STORAGE_",
    "SYNC_ON_",
)
for _name in list(os.environ):
    if _name.startswith(FOREIGN) and not _name.startswith("LABELDOCK_TEST_"):
        del os.environ[_name]

# Tracebacks as Labeldock prints them: without the values of all variables, which may
# be secrets, and take seconds to print.
PLAIN_LOGS = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    structlog.processors.KeyValueRenderer(),
)

settings.register_profile(
    "labeldock",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=200 if os.environ.get("LABELDOCK_TEST_FULL") else 25,
)
settings.load_profile("labeldock")


def pytest_configure(config: pytest.Config) -> None:
    """Watch for secrets that come out, in the whole session."""
    structlog.configure(processors=list(PLAIN_LOGS))
    config.pluginmanager.register(SecrecyPlugin(config), "secrecy")


def pytest_collection_finish() -> None:
    """Take what is there for good: hundreds of tests look through all the rest."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """No test reaches beyond this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            guarded = _guard(getattr(socket.socket, name))
            patch.setattr(socket.socket, name, guarded)
        yield


def _guard(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if not _is_local(self.family, address):
            # Not an Exception: code under test must not take it for an outage.
            pytest.fail(f"a test may connect to this machine only, not to {address!r}")
        return connect(self, address)

    return guarded


def _is_local(family: int, address: Any) -> bool:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return family == socket.AF_UNIX
    host = address[0].partition("%")[0]
    if host == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test process, started when the first test asks for it."""
    with ExitStack() as stack:
        yield _start(stack, run_postgres())


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a new, empty database; dropped after the test."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """A Redis of this test process, started when the first test asks for it."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with ExitStack() as stack:
        yield _start(stack, run_redis(number))


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """The URL of an empty Redis database."""
    with flushed_database(redis_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind: the test runs once on either."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/labeldock.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def _start(stack: ExitStack, server: AbstractContextManager[T]) -> T:
    try:
        return stack.enter_context(server)
    except ServerMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))

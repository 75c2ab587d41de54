"""The database as the services see it: read scopes, and one way to write.

On SQLite a write scope takes a process-wide lock, first come first served, and then
`BEGIN IMMEDIATE`: a transaction that reads first and upgrades later fails at once with
a busy snapshot, whatever the timeout. On PostgreSQL it is an ordinary READ COMMITTED
transaction.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    RootTransaction,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlmodel import Session

from labeldock.contract.errors import ConfigurationError

ResultT = TypeVar("ResultT")
_BUSY_TIMEOUT: Final = 30_000  # milliseconds; other processes write in short turns
_BUSY_PAUSE: Final = 0.01  # seconds
_IDLE_TIMEOUT: Final = 60_000  # milliseconds within a transaction; PostgreSQL
_RETRIES: Final = 5
_RETRIED_STATES: Final = {"40001", "40P01"}  # serialization failure, deadlock
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT}",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16384",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=2000",
)
# Asked again and again, each time in a transaction of its own: whoever waited within
# one would be waited for by an index that is made concurrently, and holds the lock.
_TRY_TO_MIGRATE: Final = "SELECT pg_try_advisory_xact_lock(4705912)"
_TRY_TO_MIGRATE_ALONE: Final = "SELECT pg_try_advisory_lock(4705912)"
_END_OF_MIGRATION: Final = "SELECT pg_advisory_unlock(4705912)"
_TURN_PAUSE: Final = 0.05  # seconds
_NESTED: Final = "a write scope was opened inside a write scope"
_log = structlog.get_logger(__name__)


class Database:
    """Where the truth lies. Made once per process and passed to every use case."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """Prepare the engine; nothing is connected yet.

        Raises:
            ConfigurationError: the URL is not one of SQLite or PostgreSQL.
        """
        self.engine = _build_engine(url, pool_size)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._turn = FirstComeLock() if self.is_sqlite else NestingGuard()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; whatever it changed is rolled back."""
        with Session(self.engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in a write transaction, committed when the block ends well."""
        with self.write_connection() as connection, Session(connection) as session:
            yield session
            session.flush()

    @contextmanager
    def write_connection(self) -> Iterator[Connection]:
        """A bare connection in a write transaction, for bulk statements."""
        with self._turn, self.engine.connect() as connection:
            writable = connection.execution_options(labeldock_write=True)
            with writable.begin():
                yield writable

    @contextmanager
    def migrate_connection(self, lock_timeout: int = 0) -> Iterator[Connection]:
        """A bare connection in a write transaction that may rebuild tables.

        SQLite rebuilds a table by dropping it, which would delete whatever refers to
        its rows: foreign keys are off meanwhile, and checked before the commit. On
        PostgreSQL no lock is waited for longer than `lock_timeout` milliseconds; 0 is
        for ever.
        """
        if not self.is_sqlite:
            timeout = f"SET LOCAL lock_timeout = {lock_timeout:d}"
            with self._turn, self.engine.connect() as connection:
                writable = connection.execution_options(labeldock_write=True)
                with _begin_turn(writable):
                    writable.exec_driver_sql(timeout)
                    yield writable
            return
        with self._turn, self.engine.connect() as connection:
            writable = connection.execution_options(labeldock_write=True)
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with writable.begin():
                    yield writable
                    _check_references(writable)
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def autocommit_connection(self) -> Iterator[Connection]:
        """A bare connection of PostgreSQL whose statements are transactions each.

        For migrations that PostgreSQL refuses within one; it is alone among migrations.
        """
        with self.engine.connect() as pooled:
            connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
            while not connection.exec_driver_sql(_TRY_TO_MIGRATE_ALONE).scalar_one():
                time.sleep(_TURN_PAUSE)
            try:
                yield connection
            finally:
                connection.exec_driver_sql(_END_OF_MIGRATION)

    def transact(self, use_case: Callable[[Session], ResultT]) -> ResultT:
        """Run a whole use case in a write scope, again if the database says to.

        Deadlocks, serialization failures and a database that is locked by another
        process for too long are tried again; anything else is raised.
        """
        for attempt in range(_RETRIES):
            try:
                with self.write() as session:
                    return use_case(session)
            except DBAPIError as error:
                if attempt == _RETRIES - 1 or not _is_worth_repeating(error):
                    raise
                _log.info("transaction_repeated", attempt=attempt + 1)
                time.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _begin_turn(connection: Connection) -> RootTransaction:
    """A transaction that is alone among migrations."""
    while True:
        transaction = connection.begin()
        if connection.exec_driver_sql(_TRY_TO_MIGRATE).scalar_one():
            return transaction
        transaction.rollback()
        time.sleep(_TURN_PAUSE)


def _check_references(connection: Connection) -> None:
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if dangling is not None:
        raise RuntimeError(f"the migration left rows of {dangling[0]} without a target")


class NestingGuard:
    """Lets all threads in at once, and says so when one of them comes in twice."""

    def __init__(self) -> None:
        """Start with nobody inside."""
        self._inside = threading.local()

    def __enter__(self) -> None:
        if getattr(self._inside, "is_held", False):
            raise RuntimeError(_NESTED)
        self._inside.is_held = True

    def __exit__(self, *_: object) -> None:
        self._inside.is_held = False


class FirstComeLock:
    """A lock that is handed over in the order in which threads asked for it.

    Not reentrant: a write scope inside a write scope is a mistake, and says so.
    """

    def __init__(self) -> None:
        """Start unlocked."""
        self._owner = 0
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_held = False

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            raise RuntimeError(_NESTED)
        ticket = self._join_queue()
        if ticket is not None:
            try:
                ticket.acquire()  # released by whoever leaves before us
            except BaseException:  # Ctrl-C while waiting must not block all others
                self._leave_queue(ticket)
                raise
        self._owner = me

    def _join_queue(self) -> threading.Lock | None:
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return None
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
            return ticket

    def _leave_queue(self, ticket: threading.Lock) -> None:
        with self._guard:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            else:  # it was our turn already
                self._pass_on()

    def __exit__(self, *_: object) -> None:
        self._owner = 0
        with self._guard:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._is_held = False


def _is_worth_repeating(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRIED_STATES or "database is locked" in str(error.orig)


def is_outage(error: BaseException) -> bool:
    """Whether a database is away, or refuses for a reason that passes by itself."""
    if not isinstance(error, DBAPIError):
        return False
    kinds = OperationalError, InterfaceError
    return isinstance(error, kinds) or error.connection_invalidated


def _build_engine(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text would show the password
        raise _bad_url() from None
    if parsed.get_backend_name() == "sqlite":
        return _build_sqlite(url)
    if parsed.get_backend_name() != "postgresql":
        raise _bad_url()
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: Any) -> None:  # driver objects
    # A process that freezes amid a transaction must not keep its locks for hours.
    connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_TIMEOUT}")
    connection.commit()


def _bad_url() -> ConfigurationError:
    return ConfigurationError(
        "LABELDOCK_DATABASE_URL is not a database that Labeldock can use.",
        field="LABELDOCK_DATABASE_URL",
        remedy="Give a URL like postgresql://user@host/name, or unset it for SQLite.",
    )


def _build_sqlite(url: str) -> Engine:
    name = make_url(url).database
    if name and name != ":memory:" and not name.startswith("file:"):
        _make_file(Path(name))
    engine = create_engine(url, hide_parameters=True, pool_size=20, max_overflow=40)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_file(path: Path) -> None:
    """Make a database that its owner alone can read; it holds hashes of passwords.

    SQLite gives the files beside it, the journal above all, the same mode.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # driver objects
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _switch_to_wal(connection)


def _switch_to_wal(connection: Any) -> None:
    """Write ahead; of those who open a new file at once, most are told to come back.

    SQLite does not wait for them by itself: two that both wait would wait for ever.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("labeldock_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

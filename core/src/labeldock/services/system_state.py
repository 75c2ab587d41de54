"""The installation as its operator sees it: queue, workers, database, versions."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from sqlmodel import Session, col, func, select

from labeldock.contract.errors import NotAllowed
from labeldock.db import schema
from labeldock.db.messages import WebhookDelivery
from labeldock.db.tables import ACTIVE_RUN_STATES, Outbox, Run
from labeldock.services import access
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope
from labeldock.services.worker_signs import WorkerView, list_workers

MOST: Final = 10_000
"""What waits is counted up to this number; there may be a million."""

_PACKAGES: Final = ("starlette", "sqlalchemy", "dramatiq", "pydantic")


@dataclass(frozen=True, slots=True)
class Work:
    """Runs of a kind that have not ended.

    Attributes:
        kind: of the runs.
        waiting: how many wait for a worker.
        held: how many a worker has.
        oldest: since when the first of them waits.
    """

    kind: str
    waiting: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class SystemState:
    """What the system page shows.

    Attributes:
        work: runs that have not ended, by kind.
        deliveries: annotations that wait for their bucket, up to `MOST`.
        messages: messages that wait for webhooks, up to `MOST`.
        workers: those heard of within a day.
        database: kind and version of the database.
        database_size: in bytes; None where it does not tell.
        database_ms: milliseconds that a small question took.
        revision: of the schema.
        is_embedded: whether the work is done inside the web process.
        versions: names and versions of what is installed.
    """

    work: tuple[Work, ...]
    deliveries: int
    messages: int
    workers: tuple[WorkerView, ...]
    database: str
    database_size: int | None
    database_ms: float
    revision: str
    is_embedded: bool
    versions: tuple[tuple[str, str], ...]


def load_state(app: AppContext, principal: Principal) -> SystemState:
    """How the installation stands.

    Raises:
        NotAllowed: who asks is no administrator.
    """
    access.require_scope(principal, Scope.ADMIN)
    if not principal.is_admin:
        raise NotAllowed(
            "Only administrators of the installation see this page.",
            remedy="Ask one of them.",
        )
    began = time.perf_counter()
    with app.database.read() as session:
        name = _name_database(session)
        took = 1000 * (time.perf_counter() - began)
        work = _list_work(session)
        deliveries = _count_some(session, _select_deliveries())
        messages = _count_some(session, _select_messages())
        size = _measure(session)
    return SystemState(
        work=tuple(work),
        deliveries=deliveries,
        messages=messages,
        workers=tuple(list_workers(app)),
        database=name,
        database_size=size,
        database_ms=took,
        revision=schema.current_revision(app.database) or "none",
        is_embedded=app.settings.is_embedded,
        versions=tuple(_list_versions()),
    )


def _list_work(session: Session) -> list[Work]:
    is_held = col(Run.lease_owner) != ""
    query = (
        select(
            Run.kind,
            func.count().filter(~is_held),
            func.count().filter(is_held),
            func.min(Run.queued_at),
        )
        .where(col(Run.state).in_(ACTIVE_RUN_STATES))
        .group_by(Run.kind)
        .order_by(Run.kind)
    )
    return [Work(*row) for row in session.exec(query)]


def _select_deliveries() -> Any:  # a select of numbers
    is_open = col(Outbox.delivered_version) < col(Outbox.wanted_version)
    return select(Outbox.id).where(is_open, ~col(Outbox.has_failed))


def _select_messages() -> Any:  # as above
    return select(WebhookDelivery.id).where(WebhookDelivery.state == "waiting")


def _count_some(session: Session, query: Any) -> int:
    some = query.limit(MOST).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _name_database(session: Session) -> str:
    dialect = session.get_bind().dialect.name
    if dialect == "sqlite":
        return f"SQLite {session.execute(select(func.sqlite_version())).scalar_one()}"
    told = str(session.execute(select(func.version())).scalar_one())
    return " ".join(told.split()[:2])


def _measure(session: Session) -> int | None:
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return int(pages) * int(size)
    query = select(func.pg_database_size(func.current_database()))
    return int(connection.execute(query).scalar_one())


def _list_versions() -> Sequence[tuple[str, str]]:
    found = [("labeldock", version("labeldock")), ("Python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # pragma: no cover  all of them are required
            continue
    return found

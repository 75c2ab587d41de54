"""How often logins failed lately, counted in the database: for all processes at once.

What a process counts in memory stands before this, so that somebody who guesses fast
makes no more than a few writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import Session, col, delete, update

from labeldock.db.accounts import LoginLimit
from labeldock.db.columns import utc_now
from labeldock.services.context import AppContext

WINDOW: Final = timedelta(minutes=5)


class _Full(Exception):
    """So many have failed that this one is not tried; nothing is counted."""

    def __init__(self, ends_at: datetime) -> None:
        super().__init__(ends_at)
        self.ends_at = ends_at


def take_attempt(app: AppContext, limits: Mapping[str, int]) -> float:
    """Count a login before it is tried; how long to wait instead, in seconds.

    Args:
        app: the parts.
        limits: how many may fail in a window, by what is counted.
    """
    now = utc_now()

    def use_case(session: Session) -> None:
        session.execute(delete(LoginLimit).where(col(LoginLimit.ends_at) <= now))
        for name in sorted(limits):
            # Counted first, and then looked at: others wait here for the row.
            failures, ends_at = session.execute(_count(app, name, now)).one()
            if failures > limits[name]:
                raise _Full(ends_at)

    try:
        app.database.transact(use_case)
    except _Full as full:
        return max((full.ends_at - now).total_seconds(), 1.0)
    return 0.0


def give_back_attempt(app: AppContext, limits: Mapping[str, int]) -> None:
    """Count a login no longer, since it succeeded."""
    with app.database.write() as session:
        session.execute(
            update(LoginLimit)
            .where(col(LoginLimit.name).in_(limits), col(LoginLimit.failures) > 0)
            .values(failures=col(LoginLimit.failures) - 1)
        )


def _count(app: AppContext, name: str, now: datetime) -> ReturningInsert[int, datetime]:
    insert = sqlite.insert if app.database.is_sqlite else postgresql.insert
    added = insert(LoginLimit).values(name=name, failures=1, ends_at=now + WINDOW)
    counted = added.on_conflict_do_update(
        index_elements=["name"], set_={"failures": col(LoginLimit.failures) + 1}
    )
    return counted.returning(col(LoginLimit.failures), col(LoginLimit.ends_at))

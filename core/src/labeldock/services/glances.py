"""Projects at a glance: how their storages stand, without looking at any task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import col, select

from labeldock.contract.values import Purpose
from labeldock.db.tables import ACTIVE_RUN_STATES, Run, Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext

_BAD: Final = {"failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class StorageGlance:
    """A storage and what its last run came to; no state before the first one."""

    id: int
    project_id: int
    purpose: Purpose
    title: str
    state: str | None
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class Glance:
    """The storages of a project, and how they stand together."""

    storages: tuple[StorageGlance, ...] = ()

    def count(self, purpose: Purpose) -> int:
        """How many storages of a kind there are."""
        return sum(each.purpose == purpose for each in self.storages)

    @property
    def failing(self) -> int:
        """How many storages failed or were cancelled the last time."""
        return sum(each.state in _BAD for each in self.storages)

    @property
    def flawed(self) -> int:
        """How many left something out, object by object."""
        return sum(each.state == "completed_with_errors" for each in self.storages)

    @property
    def active(self) -> int:
        """How many are being worked on, or wait for it."""
        return sum(each.state in ACTIVE_RUN_STATES for each in self.storages)

    @property
    def last_success_at(self) -> datetime | None:
        """When any of them was synced last."""
        times = [s.last_success_at for s in self.storages if s.last_success_at]
        return max(times, default=None)


def load_glances(
    app: AppContext, principal: Principal, project_ids: Sequence[int]
) -> dict[int, Glance]:
    """The glance of each of these projects, with one query for all of them.

    Raises:
        NotFound, NotAllowed: as they say, of any of them.
    """
    columns = (
        Storage.id, Storage.project_id, Storage.purpose, Storage.title, Run.state,
        Storage.last_success_at,
    )  # fmt: skip
    query = (
        select(*columns)  # type: ignore[call-overload]  # it knows up to four columns
        .join(Run, col(Run.id) == col(Storage.last_run_id), isouter=True)
        .where(col(Storage.project_id).in_(project_ids))
        .order_by(col(Storage.id))
    )
    with app.database.read() as session:
        for project_id in project_ids:
            access.require(session, principal, project_id, Permission.VIEW)
        rows = session.execute(query).all() if project_ids else []
    found: dict[int, list[StorageGlance]] = {number: [] for number in project_ids}
    for number, project_id, purpose, title, state, synced in rows:
        named = title or f"Storage {number}"
        found[project_id].append(
            StorageGlance(number, project_id, Purpose(purpose), named, state, synced)
        )
    return {number: Glance(tuple(each)) for number, each in found.items()}

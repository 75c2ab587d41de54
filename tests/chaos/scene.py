"""An installation that workers are killed in, and a look at it from outside."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, text
from sqlalchemy.exc import OperationalError

from labeldock.contract.values import Purpose
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.tables import ACTIVE_RUN_STATES
from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.services import access, projects, storages
from labeldock.services.access import Principal
from labeldock.services.context import AppContext, open_context
from labeldock.services.storage_fields import StorageDraft
from labeldock.settings import SETTINGS_FILE, Settings

PATIENCE = 60.0
TAIL = 4000  # characters of a log that is shown
HEARTBEAT = 0.08  # a lease lasts six of them
TIMES = {
    "storage_in_progress_timer": HEARTBEAT,
    "poll_interval": 0.05,
    "slice_pages": 15,
    "page_size": 20,
    "max_attempts": 1000,  # how many are too many is not the subject here
}

OPERATOR = {"s3_connect_timeout": 1, "s3_read_timeout": 3, "s3_max_attempts": 2}
"""A bucket that is away is noticed soon."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts as the test sees them, and what a worker needs to have the same."""

    app: AppContext
    values: dict[str, Any]
    owner: Principal
    project_id: int
    folder: Path

    def connect(self, name: str, purpose: Purpose, **values: Any) -> int:
        """The number of a new storage for a folder of this name."""
        (self.folder / name).mkdir(exist_ok=True)
        values = {"path": str(self.folder / name), **values}
        return self.add("local", purpose, **values)

    def add(self, provider: str, purpose: Purpose, **values: Any) -> int:
        """The number of a new storage."""
        draft = StorageDraft(self.project_id, purpose, provider, values)
        return storages.add_storage(self.app, self.owner, draft).id

    def sync(self, storage_id: int, purpose: Purpose) -> int:
        """The number of the run that was asked for."""
        view = storages.sync_storage(self.app, self.owner, storage_id, purpose)
        assert view.run is not None
        return view.run.id

    def read(self, query: str, **values: Any) -> list[Row[Any]]:
        """Rows as they are committed now; waits for a server that is restarted."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._read(query, values)
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _read(self, query: str, values: dict[str, Any]) -> list[Row[Any]]:
        with self.app.database.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def list_owners(self) -> list[str]:
        """Who holds a run, or a part of one."""
        owners = self.read(
            "SELECT lease_owner FROM run WHERE lease_owner <> '' "
            "UNION ALL SELECT lease_owner FROM part WHERE lease_owner <> ''"
        )
        return [row.lease_owner for row in owners]

    def read_progress(self, run_id: int) -> str:
        """Something that changes whenever a page of a run is committed."""
        query = "SELECT id, checkpoint, counts FROM {} WHERE {} = :id ORDER BY id"
        of_run = self.read(query.format("run", "id"), id=run_id)
        return str(of_run + self.read(query.format("part", "run_id"), id=run_id))

    def read_run(self, run_id: int) -> Row[Any]:
        """A run as it is now."""
        return self.read("SELECT * FROM run WHERE id = :id", id=run_id)[0]

    def has_ended(self, run_id: int) -> bool:
        """Whether nobody will work on a run any more."""
        return self.read_run(run_id).state not in ACTIVE_RUN_STATES

    def read_counts(self, run_id: int) -> dict[str, int]:
        """The counts of a run."""
        counts: dict[str, int] = json.loads(self.read_run(run_id).counts)
        return counts

    def read_totals(self) -> Row[Any]:
        """The counters of the project."""
        return self.read("SELECT * FROM project WHERE id = :id", id=self.project_id)[0]

    def is_locked(self) -> bool:
        """Whether somebody is within a transaction that others have to wait for."""
        if self.app.database.is_sqlite:
            return self._is_file_locked()
        try:
            self._read("SELECT 1 FROM run, project FOR UPDATE NOWAIT", {})
        except OperationalError:
            return True
        return False

    def _is_file_locked(self) -> bool:
        path = self.app.database.engine.url.database
        assert path is not None
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            probe.execute("ROLLBACK")
        return False

    def write(self, statement: str, **values: Any) -> None:
        """Change rows behind everybody's back."""
        self.app.database.transact(lambda s: s.execute(text(statement), values))


@contextmanager
def opened_scene(folder: Path, database_url: str, **overrides: Any) -> Iterator[Scene]:
    """An installation with a project and its own folder of files."""
    home, files = folder / "home", folder / "files"
    home.mkdir()
    files.mkdir()
    operator = {"local_roots": files, **OPERATOR}
    lines = [f"LABELDOCK_{name.upper()}={value}\n" for name, value in operator.items()]
    (home / SETTINGS_FILE).write_text("".join(lines))
    key = "chaos-" * 6
    values = {
        "home": home, "database_url": database_url, "secret_key": key, **TIMES,
        **overrides,
    }  # fmt: skip
    _migrate(database_url)
    app = open_context(Settings(**values))
    try:
        owner = access.create_user(app, "chaos@example.org", "chaos-password")
        project = projects.create_project(app, owner, {"title": "chaos"})
        yield Scene(app, values, owner, project.id, files)
    finally:
        app.close()


def _migrate(database_url: str) -> None:
    database = Database(database_url)
    try:
        schema.upgrade(database)
    finally:
        database.close()


def ring_for_a_sync(scene: Scene, storage_id: int) -> int:
    """Ask for a sync as a web process does, which sends a message; the run's number."""
    broker = build_broker(scene.app.settings)
    ringing = attach_bell(scene.app, broker)
    view = storages.sync_storage(ringing, scene.owner, storage_id, Purpose.IMPORT)
    broker.close()  # the embedded one forgets its messages with its process
    assert view.run is not None
    return view.run.id


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Look again and again; fails the test when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"nothing happened for {PATIENCE:.0f} s: {what()[-TAIL:]}")
        time.sleep(0.002)

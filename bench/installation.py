"""An installation to measure: database, user, project, storages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldock.contract.values import Purpose
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.services import access, projects, storages
from labeldock.services.access import Principal
from labeldock.services.context import AppContext, open_context
from labeldock.services.runs import RunView
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from labeldock.settings import SETTINGS_FILE, Settings

SECRET_KEY = "only-for-measuring-never-for-secrets"


EMAIL, PASSWORD = "bench@example.org", "for-benches-alone"


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts of the application, and somebody with a project."""

    app: AppContext
    owner: Principal
    project_id: int

    @property
    def database_path(self) -> Path:
        """The file of an SQLite database."""
        url = self.app.settings.effective_database_url
        return Path(url.removeprefix("sqlite:///"))

    def connect(self, folder: Path, purpose: Purpose, **values: Any) -> int:
        """The number of a new storage for a folder."""
        values = {"path": str(folder), **values}
        draft = StorageDraft(self.project_id, purpose, "local", values)
        return storages.add_storage(self.app, self.owner, draft).id

    def connect_media(self, folder: Path) -> int:
        """The number of a new import storage: one task per file, at every level."""
        return self.connect(
            folder, Purpose.IMPORT, use_blob_urls=True, recursive_scan=True
        )

    def connect_bucket(self, url: str) -> int:
        """The number of a new import storage: one task per object of an S3 bucket."""
        values = {
            "bucket": "media",
            "s3_endpoint": url,
            "aws_access_key_id": "AKIABENCH",
            "aws_secret_access_key": "secret",
            "use_blob_urls": True,
            "recursive_scan": True,
        }
        draft = StorageDraft(self.project_id, Purpose.IMPORT, "s3", values)
        return storages.add_storage(self.app, self.owner, draft).id

    def request_import(self, storage_id: int) -> int:
        """The number of a new run."""
        view = storages.sync_storage(self.app, self.owner, storage_id, Purpose.IMPORT)
        assert view.run is not None
        return view.run.id

    def sync(self, storage_id: int) -> RunView:
        """Import to the end."""
        run_id = self.request_import(storage_id)
        run = run_until_done(self.app, run_id, owner="bench")
        if run.state != "completed":
            raise RuntimeError(f"the import ended as {run.state}: {run.problem}")
        return run


@contextmanager
def opened_installation(
    home: Path, *, roots: Path, database_url: str = ""
) -> Iterator[Installation]:
    """An installation of its own in the home folder, SQLite without a URL."""
    home.mkdir(parents=True)
    (home / SETTINGS_FILE).write_text(f"LABELDOCK_LOCAL_ROOTS={roots}\n")
    settings = Settings(home=home, database_url=database_url, secret_key=SECRET_KEY)
    _prepare_database(settings.effective_database_url)
    app = open_context(settings)
    try:
        owner = access.create_user(app, EMAIL, PASSWORD)
        project = projects.create_project(app, owner, {"title": "bench"})
        yield Installation(app, owner, project.id)
    finally:
        app.close()


def _prepare_database(url: str) -> None:
    database = Database(url)
    try:
        schema.upgrade(database)
    finally:
        database.close()

"""The services' parts on SQLite and PostgreSQL, with people and a bucket in memory.

`app` runs a test once on either database; `sqlite_app` is for what does not depend on
it. Databases are copies of one that was migrated once.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from labeldock.contract import ALWAYS, BytesContent, Purpose, WriteRequest
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.secrets import load_vault
from labeldock.services import access, projects, runs, storages
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from labeldock.settings import Settings
from labeldock.testing.memory_bucket import build_object
from labeldock.testing.plugins import build_catalog
from tests.core.scripted import ScriptedProvider

BUCKET = "media"
MASTER_KEY = "a master key for tests"


@dataclass(frozen=True)
class People:
    """Who is in every database: an administrator and two users without rights."""

    admin: Principal
    owner: Principal
    stranger: Principal


# Databases


def install(url: str) -> People:
    """Migrate an empty database and put the people in."""
    database = Database(url)
    schema.upgrade(database)
    app = AppContext(Settings(), database, build_catalog(), None)
    people = People(
        *(
            access.create_user(
                app, f"{name}@example.org", f"{name}-password", is_admin=name == "admin"
            )
            for name in ("admin", "owner", "stranger")
        )
    )
    app.close()
    return people


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "labeldock.db"
    return path, install(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgres_template(postgres_server):
    name = f"template_{uuid.uuid4().hex}"
    postgres_server.run(f"CREATE DATABASE {name}")
    return name, install(postgres_server.url_of(name))


@dataclass(frozen=True)
class Installation:
    """A migrated database of a test's own, and who is in it."""

    url: str
    people: People


@pytest.fixture
def sqlite_installation(sqlite_template, tmp_path):
    template, people = sqlite_template
    path = shutil.copy(template, tmp_path / "labeldock.db")
    return Installation(f"sqlite:///{path}", people)


@pytest.fixture
def postgres_installation(postgres_template, postgres_server) -> Iterator[Installation]:
    template, people = postgres_template
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield Installation(postgres_server.url_of(name), people)
    postgres_server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request) -> Installation:
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    return request.getfixturevalue(f"{kind}_installation")


# The application


@pytest.fixture
def provider():
    """A provider in memory with one empty bucket."""
    provider = ScriptedProvider()
    provider.create_bucket(BUCKET)
    return provider


@pytest.fixture
def open_app(provider, tmp_path):
    """Open the parts on a database, as one process does; closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_(installation, *, catalog=None, **settings) -> AppContext:
            chosen = Settings(
                home=tmp_path / "home",
                database_url=installation.url,
                secret_key=settings.pop("secret_key", MASTER_KEY),
                **settings,
            )
            database = Database(chosen.effective_database_url)
            app = AppContext(
                chosen, database, catalog or build_catalog(provider), load_vault(chosen)
            )
            stack.callback(app.close)
            return app

        yield open_


@pytest.fixture
def app(open_app, installation) -> AppContext:
    """The parts, on SQLite and on PostgreSQL."""
    return open_app(installation)


@pytest.fixture
def sqlite_app(open_app, sqlite_installation) -> AppContext:
    return open_app(sqlite_installation)


@pytest.fixture
def postgres_app(open_app, postgres_installation) -> AppContext:
    return open_app(postgres_installation)


@pytest.fixture
def people(sqlite_template) -> People:
    """The same in every database, since each was installed in the same way."""
    return sqlite_template[1]


@pytest.fixture
def owner(people) -> Principal:
    return people.owner


# A bucket, and storages on it


@pytest.fixture
def bucket(provider):
    return MemoryBucket(provider)


class MemoryBucket:
    """The bucket behind the application's back."""

    def __init__(self, provider, name: str = BUCKET) -> None:
        self._bucket = provider._buckets[name]

    def put(self, key, data=b"data", content_type="application/octet-stream"):
        content = BytesContent(data if isinstance(data, bytes) else data.encode())
        self._bucket.save(
            build_object(WriteRequest(key, content, content_type)), ALWAYS
        )

    def put_all(self, objects):
        for key, data in objects.items():
            self.put(key, data)

    def remove(self, *keys):
        for key in keys:
            assert self._bucket.delete(key, ALWAYS)

    def read(self, key):
        return self._bucket.find(key).data

    def keys(self):
        return list(self._bucket._keys)


class Workplace:
    """A project of the owner and what is done in it, on one database."""

    def __init__(self, app, owner):
        self.app, self.owner = app, owner
        self.project = projects.create_project(app, owner, {"title": "Birds"}).id

    def add(self, purpose=Purpose.IMPORT, provider="memory", **values):
        values = {"bucket": BUCKET, **values} if provider == "memory" else values
        draft = StorageDraft(self.project, purpose, provider, values)
        return storages.add_storage(self.app, self.owner, draft)

    def add_export(self, **values):
        return self.add(Purpose.EXPORT, **values)

    def request(self, storage):
        """Ask for a sync; the run's number."""
        view = storages.sync_storage(self.app, self.owner, storage.id, storage.purpose)
        return view.run.id

    def sync(self, storage, app=None):
        """Sync in this thread, to the end."""
        return run_until_done(app or self.app, self.request(storage), owner="test")

    def run(self, run_id):
        return runs.get_run(self.app, self.owner, run_id)

    def show(self, storage):
        return storages.get_storage(self.app, self.owner, storage.id, storage.purpose)

    def errors(self, run):
        return runs.list_run_errors(self.app, self.owner, run.id, limit=1000)


@pytest.fixture
def build_workplace(owner):
    return lambda app: Workplace(app, owner)


@pytest.fixture
def place(app, build_workplace) -> Workplace:
    return build_workplace(app)


@pytest.fixture
def sqlite_place(sqlite_app, build_workplace) -> Workplace:
    return build_workplace(sqlite_app)

"""The application as tests of the whole use it: parts, people, a browser-less client.

`app` is the context of the services; `client` speaks HTTP to the application made from
it. Nobody is logged in: pass `headers=auth` for the owner, `stranger.headers` for
somebody else.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
from sqlmodel import delete
from starlette.testclient import TestClient

from labeldock.contract import ALWAYS, BytesContent, Purpose, WriteRequest
from labeldock.db import schema
from labeldock.db.audit import AuditEvent
from labeldock.db.engine import Database
from labeldock.db.secrets import load_vault
from labeldock.services import access, projects, storages, tasks
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.tokens import TokenWish, create_key
from labeldock.services.working import run_until_done
from labeldock.settings import Settings
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.memory_bucket import build_object
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock_local.plugin import LocalProvider

BUCKET = "media"


@dataclass(frozen=True)
class Account:
    """Somebody who can log in, and how."""

    principal: Principal
    password: str
    token: str

    @property
    def email(self):
        return self.principal.email

    @property
    def headers(self):
        return {"Authorization": f"Token {self.token}"}


def build_app(home, catalog, **overrides):
    settings = Settings(home=home, **overrides)
    database = Database(settings.effective_database_url)
    return AppContext(settings, database, catalog, load_vault(settings))


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    """A home folder with three users; hashing passwords and migrating take a while."""
    home = tmp_path_factory.mktemp("installation") / "home"
    app = build_app(home, build_catalog())
    schema.upgrade(app.database)
    accounts = {}
    for name in ("admin", "owner", "stranger"):
        email, password = f"{name}@example.org", f"{name}-password"
        user = access.create_user(app, email, password, is_admin=name == "admin")
        accounts[name] = Account(user, password, create_key(app, user, TokenWish())[1])
    with app.database.write() as session:
        session.execute(delete(AuditEvent))  # what tests do is to stand in it alone
    app.close()
    return home, accounts


@pytest.fixture
def accounts(installation):
    return installation[1]


@pytest.fixture
def owner(accounts):
    return accounts["owner"]


@pytest.fixture
def stranger(accounts):
    return accounts["stranger"]


@pytest.fixture
def admin(accounts):
    return accounts["admin"]


@pytest.fixture
def auth(owner):
    return owner.headers


@pytest.fixture
def memory():
    """A provider in memory with one empty bucket."""
    provider = MemoryProvider()
    provider.create_bucket(BUCKET)
    return provider


@pytest.fixture
def put_object(memory):
    """Put an object into the bucket behind the application's back."""

    def put(key, data=b"{}", content_type="application/octet-stream", bucket=BUCKET):
        content = BytesContent(data if isinstance(data, bytes) else data.encode())
        stored = build_object(WriteRequest(key, content, content_type))
        memory._buckets[bucket].save(stored, ALWAYS)

    return put


@pytest.fixture
def folder(tmp_path):
    """A folder that local storages may be connected to."""
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def catalog(memory, folder):
    roots = {"LABELDOCK_LOCAL_ROOTS": str(folder)}
    return build_catalog(memory, LocalProvider(), environment=roots)


@pytest.fixture
def home(tmp_path, installation):
    """A copy of the installation, for one test alone."""
    return shutil.copytree(installation[0], tmp_path / "home")


@pytest.fixture
def app(home, catalog):
    context = build_app(home, catalog)
    yield context
    context.close()


@pytest.fixture
def client(app):
    with TestClient(create_app(app), follow_redirects=False) as test_client:
        yield test_client


@pytest.fixture
def project(app, owner):
    """A project of the owner."""
    values = {"title": "Birds", "label_config": LABEL_CONFIG}
    return projects.create_project(app, owner.principal, values)


@pytest.fixture
def task(app, owner, project):
    """A task of the project that was not imported."""
    data = {"image": "memory://media/gull.jpg"}
    return tasks.create_task(app, owner.principal, project.id, data)


@pytest.fixture
def connect(app, owner, project):
    """Connect the bucket to the project; objects become tasks, one each."""

    def add(purpose=Purpose.IMPORT, **values):
        usual = {"bucket": BUCKET, "use_blob_urls": True, "recursive_scan": True}
        if purpose is Purpose.EXPORT:
            usual = {"bucket": BUCKET}
        draft = StorageDraft(project.id, purpose, "memory", {**usual, **values})
        return storages.add_storage(app, owner.principal, draft)

    return add


@pytest.fixture
def sync(app, owner):
    """Ask for a sync of a storage and do the work, as a worker would."""

    def work(storage):
        asked = storages.sync_storage(app, owner.principal, storage.id, storage.purpose)
        return run_until_done(app, asked.run.id, owner="test")

    return work


LABEL_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Choices name="kind" toName="image"><Choice value="gull"/></Choices>
</View>"""

"""Where the tests of workers work: parts on a database, a bucket, and workers.

Everything that is opened in a `House` is closed with it.
"""

from __future__ import annotations

import contextlib

from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.secrets import load_vault
from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.jobs.worker import Worker
from labeldock.services import access
from labeldock.services.context import AppContext
from labeldock.settings import Settings
from labeldock.testing.plugins import build_catalog
from tests.core.conftest import MASTER_KEY, MemoryBucket, Workplace
from tests.core.scripted import ScriptedProvider

QUICK = {"poll_interval": 0.05, "storage_in_progress_timer": 0.5}
NO_POLL = {"poll_interval": 3600.0}


class House(contextlib.ExitStack):
    """One installation: a database, perhaps a broker, and a bucket in memory."""

    def __init__(self, home, database_url, broker_url=""):
        super().__init__()
        self._home, self._urls = home, (database_url, broker_url)
        self.provider = ScriptedProvider()
        self.provider.create_bucket("media")
        self.bucket = MemoryBucket(self.provider)
        schema.upgrade(self.open().database)

    def open(self, **settings):
        """The parts, as one process has them."""
        database_url, broker_url = self._urls
        chosen = Settings(
            home=self._home,
            database_url=database_url,
            broker_url=broker_url,
            secret_key=MASTER_KEY,
            **{**QUICK, **settings},
        )
        app = AppContext(
            chosen,
            Database(chosen.effective_database_url),
            build_catalog(self.provider),
            load_vault(chosen),
        )
        self.callback(app.close)
        return app

    def open_with_broker(self, **settings):
        app = self.open(**settings)
        broker = build_broker(app.settings)
        self.callback(broker.close)
        return attach_bell(app, broker), broker

    def work(self, app, broker):
        """Start a worker; it is stopped with the house."""
        worker = Worker(app, broker)
        worker.start()
        self.callback(worker.stop, 10)
        return worker

    def settle(self, app):
        """A project of a new user."""
        owner = access.create_user(app, "owner@example.org", "owner-password")
        return Workplace(app, owner)


def has_ended(place, run_id):
    return lambda: not place.run(run_id).is_active

"""A migrated database of either kind, and a table to play with."""

from __future__ import annotations

import pytest

from labeldock.db.engine import Database


@pytest.fixture
def database(installation):
    database = Database(installation.url)
    yield database
    database.close()


@pytest.fixture
def sqlite_database(sqlite_installation):
    database = Database(sqlite_installation.url)
    yield database
    database.close()


@pytest.fixture
def postgres_database(postgres_installation):
    database = Database(postgres_installation.url)
    yield database
    database.close()

"""What an import left in the database, told in plain values."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.db.tables import Annotation, ImportLink, Prediction, Project, Task


class Ledger:
    """Tasks and links as they stand."""

    def __init__(self, app):
        self._app = app

    def keys(self):
        """Keys of linked objects, one per task, in order of the tasks."""
        with self._app.database.read() as session:
            query = (
                select(ImportLink.key)
                .where(ImportLink.task_id == Task.id)
                .order_by(Task.id)
            )
            return list(session.exec(query))

    def links(self):
        """(key, row_index, state, object_exists) of every link, in order."""
        with self._app.database.read() as session:
            rows = session.exec(select(ImportLink)).all()
        return sorted((r.key, r.row_index, r.state, r.object_exists) for r in rows)

    def data(self):
        with self._app.database.read() as session:
            return list(session.exec(select(Task.data).order_by(Task.id)))

    def tasks(self):
        with self._app.database.read() as session:
            return list(session.exec(select(Task).order_by(Task.id)))

    def opinions(self):
        with self._app.database.read() as session:
            return (
                list(session.exec(select(Annotation).order_by(Annotation.id))),
                list(session.exec(select(Prediction).order_by(Prediction.id))),
            )

    def project(self):
        with self._app.database.read() as session:
            return session.exec(select(Project)).one()


def tell(run):
    """What a run counted, without what it counted nothing of."""
    return {name: count for name, count in run.counts.items() if count}


@pytest.fixture
def build_ledger():
    return Ledger


@pytest.fixture
def ledger(app):
    return Ledger(app)


@pytest.fixture
def sqlite_ledger(sqlite_app):
    return Ledger(sqlite_app)

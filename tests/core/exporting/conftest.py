"""A project with tasks, and what its outbox and buckets hold."""

from __future__ import annotations

import json

import pytest
from sqlmodel import col, select, update

from labeldock.db.tables import ExportLink, Outbox
from labeldock.db.types import database_now
from labeldock.services import annotations, tasks
from labeldock.services.exporting import delivery


class Desk:
    """Somebody annotates, and the outbox is looked at and emptied."""

    def __init__(self, place, bucket):
        self.place, self.app, self.owner = place, place.app, place.owner
        self.bucket = bucket

    def task(self, **data):
        data = data or {"image": "memory://media/a.jpg"}
        return tasks.create_task(self.app, self.owner, self.place.project, data).id

    def annotate(self, task_id=None, **values):
        task_id = task_id or self.task()
        values = {"result": [region("gull")], **values}
        return annotations.create_annotation(self.app, self.owner, task_id, values)

    def change(self, annotation, **values):
        return annotations.update_annotation(
            self.app, self.owner, annotation.id, values
        )

    def delete(self, annotation):
        annotations.delete_annotation(self.app, self.owner, annotation.id)

    def deliver(self, storage, app=None):
        """Deliver all that is due now; how many parcels."""
        return sum(iter(lambda: delivery.deliver_batch(app or self.app, storage.id), 0))

    def rows(self):
        with self.app.database.read() as session:
            return list(session.exec(select(Outbox).order_by(Outbox.id)))

    def row(self):
        (row,) = self.rows()
        return row

    def links(self):
        with self.app.database.read() as session:
            query = select(ExportLink).order_by(col(ExportLink.key))
            return list(session.exec(query))

    def read(self, key):
        return json.loads(self.bucket.read(str(key)))

    def make_due(self):
        """Let the time pass that a row has to wait."""
        with self.app.database.write() as session:
            session.execute(update(Outbox).values(due_at=database_now(-1)))


def region(choice):
    return {"id": "r", "type": "choices", "value": {"choices": [choice]}}


@pytest.fixture
def desk(place, bucket):
    return Desk(place, bucket)


@pytest.fixture
def sqlite_desk(sqlite_place, bucket):
    """For what does not depend on the database."""
    return Desk(sqlite_place, bucket)


@pytest.fixture
def build_desk(build_workplace, bucket):
    return lambda app: Desk(build_workplace(app), bucket)

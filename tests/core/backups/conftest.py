"""A project with tasks in a bucket, and archives of it as what they hold."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from sqlmodel import select

from labeldock.contract import ReadRequest
from labeldock.db.archives import BackgroundRequest, StoredFile
from labeldock.services import annotations, predictions, tasks
from labeldock.services.backups import asking, requests
from labeldock.services.backups import format as archive
from labeldock.services.backups.asking import BackupAsk
from labeldock.services.persistent.store import open_store
from labeldock.services.working import run_until_done


class Archive:
    """What an archive holds; reading it checks every checksum."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.zip = zipfile.ZipFile(io.BytesIO(data))
        assert self.zip.testzip() is None
        self.names = self.zip.namelist()
        self.manifest = self._parse(archive.MANIFEST, self.read(archive.MANIFEST))
        for entry in self.manifest.entries:
            content = self.read(entry.name)
            assert len(content) == entry.size
            assert hashlib.sha256(content).hexdigest() == entry.sha256

    def read(self, name):
        return self.zip.read(name)

    def _parse(self, name, text):
        return archive.RECORDS[name].model_validate_json(text)

    def lines(self, name):
        return [self._parse(name, line) for line in self.read(name).splitlines()]

    def document(self, name):
        return json.loads(self.read(name))

    @property
    def counts(self):
        return self.manifest.counts

    @property
    def media(self):
        """The bytes of the objects in it, by key."""
        found = {}
        for record in self.lines(archive.MEDIA):
            if record.entry is not None:
                content = self.read(record.entry)
                assert hashlib.sha256(content).hexdigest() == record.sha256
                found[record.key] = content
        return found


class Backups:
    """Somebody asks for backups of a project, and they are made."""

    def __init__(self, place, bucket) -> None:
        self.place, self.app, self.owner = place, place.app, place.owner
        self.project, self.bucket = place.project, bucket

    def fill(self, count=3, **storage):
        """Objects in the bucket that are tasks of the project."""
        self.bucket.put_all({f"{n}.jpg": b"picture %d" % n for n in range(count)})
        storage = self.place.add(use_blob_urls=True, recursive_scan=True, **storage)
        self.place.sync(storage)
        return storage

    def tasks(self):
        query = tasks.TaskQuery(self.project)
        return tasks.list_tasks(self.app, self.owner, query).tasks

    def add_task(self, **data):
        data = data or {"text": "a"}
        return tasks.create_task(self.app, self.owner, self.project, data).id

    def annotate(self, task_id, **values):
        values = {"result": [{"type": "choices", "value": "gull"}], **values}
        return annotations.create_annotation(self.app, self.owner, task_id, values)

    def predict(self, task_id, **values):
        values = {"result": [], "score": 0.5, "model_version": "m-1", **values}
        return predictions.create_prediction(self.app, self.owner, task_id, values)

    def ask(self, *, lightweight=False, who=None, **values):
        ask = BackupAsk(self.project, lightweight, **values)
        return asking.request_backup(self.app, who or self.owner, ask)

    def work(self, request, app=None):
        return run_until_done(app or self.app, request.run_id, owner="test")

    def make(self, **values):
        """The request and its archive, once it is made."""
        request = self.ask(**values)
        self.work(request)
        request = self.show(request)
        return request, self.open(request)

    def show(self, request):
        return requests.get_request(self.app, self.owner, request.id)

    def open(self, request):
        assert request.status == "finished", request
        with self.app.database.read() as session:
            row = session.get(StoredFile, self.row(request).file_id)
        body = open_store(self.app).get_data(ReadRequest(row.key))
        try:
            return Archive(b"".join(iter(lambda: body.reader.read(1 << 20), b"")))
        finally:
            body.reader.close()

    def row(self, request):
        query = select(BackgroundRequest).where(BackgroundRequest.rq_id == request.id)
        with self.app.database.read() as session:
            return session.exec(query).one()

    def leftovers(self):
        """What lies in the home folder beside finished files."""
        home = self.app.settings.home
        work = list((home / "work").glob("*")) if (home / "work").exists() else []
        unfinished = home / "files" / ".unfinished"
        return work + (list(unfinished.glob("*")) if unfinished.exists() else [])


@pytest.fixture
def backups(place, bucket):
    return Backups(place, bucket)


@pytest.fixture
def sqlite_backups(sqlite_place, bucket):
    return Backups(sqlite_place, bucket)

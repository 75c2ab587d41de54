"""An export through the whole house to each provider's real server, and back."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import pytest

from labeldock.contract import (
    BytesContent,
    DeleteRequest,
    ListQuery,
    Purpose,
    ReadRequest,
    WriteRequest,
)
from labeldock.services import tasks
from labeldock.services.connections import load_connection
from labeldock.services.exporting.verifying import verify_storage
from labeldock.testing.plugins import build_catalog
from labeldock_azure.plugin import AzureProvider
from labeldock_gcs.plugin import GcsProvider
from labeldock_local.plugin import LocalProvider
from labeldock_s3.plugin import S3Provider
from tests.core.exporting.carrying import Carrier, expire_leases
from tests.core.exporting.conftest import Desk
from tests.plugins.azure.places import Place as AzurePlace
from tests.plugins.s3.places import KEY_ID, SECRET
from tests.plugins.s3.places import Place as S3Place
from tests.servers.azurite import run_azurite
from tests.servers.gcs import run_gcs
from tests.servers.moto import run_moto
from tests.servers.starting import start_server
from tests.servers.swift import run_swift


@dataclass(frozen=True)
class Target:
    """A provider, and an empty bucket of it."""

    provider: Any
    values: dict[str, Any]
    environment: dict[str, str]

    @property
    def name(self):
        return self.provider.describe().name


class Servers:
    """Each is started when the first test asks for it, and kept for the others."""

    def __init__(self, stack):
        self._stack, self._started = stack, {}

    def start(self, run):
        if run not in self._started:
            self._started[run] = start_server(self._stack, run())
        return self._started[run]


@pytest.fixture(scope="module")
def servers():
    with ExitStack() as stack:
        yield Servers(stack)


def open_local(_servers, folder):
    folder.mkdir()
    roots = {"LABELDOCK_LOCAL_ROOTS": str(folder)}
    return Target(LocalProvider(), {"path": str(folder)}, roots)


def open_moto(servers, _folder):
    return _open_s3(S3Place(servers.start(run_moto), KEY_ID, SECRET))


def open_swift(servers, _folder):
    server = servers.start(run_swift)
    return _open_s3(S3Place(server.url, server.key_id, server.secret, server.region))


def _open_s3(place):
    name = f"labels-{token_hex(6)}"
    place.client.create_bucket(Bucket=name)
    return Target(S3Provider(), place.build_options(name), {})


def open_gcs(servers, _folder):
    server = servers.start(run_gcs)
    bucket = server.create_bucket(f"labels-{token_hex(6)}")
    values = {
        "bucket": bucket.name,
        "google_application_credentials": server.build_document(),
        "gcs_endpoint": server.url,
    }
    hosts = {"LABELDOCK_GCS_TOKEN_HOSTS": '["127.0.0.1"]'}
    return Target(GcsProvider(), values, hosts)


def open_azure(servers, _folder):
    server = servers.start(run_azurite)
    place = AzurePlace(server.url, server.account, server.key)
    name = f"labels-{token_hex(6)}"
    place.create_container(name)
    return Target(AzureProvider(), place.build_options(name), {})


@pytest.fixture(
    params=[
        open_local,
        open_moto,
        pytest.param(open_swift, marks=pytest.mark.full),  # it takes long to start
        open_gcs,
        open_azure,
    ]
)
def target(request, servers, tmp_path):
    return request.param(servers, tmp_path / "labels")


class Bucket:
    """What lies in a bucket, by way of its provider."""

    def __init__(self, app, storage):
        self.connection = load_connection(app, storage.id)

    def call(self, operation, request):
        provider = self.connection.provider
        return getattr(provider, operation)(self.connection.ref, request)

    def keys(self):
        return [info.key for info in self.call("list_objects", ListQuery()).objects]

    def read(self, key):
        body = self.call("get_data", ReadRequest(str(key)))
        try:
            return b"".join(iter(lambda: body.reader.read(65536), b""))
        finally:
            body.reader.close()

    def write(self, key, data):
        content = BytesContent(data)
        request = WriteRequest(key, content, "application/json")
        self.call("save_annotation", request)

    def remove(self, key):
        self.call("delete_annotation", DeleteRequest(key))


@pytest.fixture
def export(open_app, sqlite_installation, build_workplace, target):
    """A desk, an export storage of the provider, and what lies in its bucket."""
    catalog = build_catalog(target.provider, environment=target.environment)
    app = open_app(sqlite_installation, catalog=catalog)
    desk = Desk(build_workplace(app), None)

    def connect(**values):
        storage = desk.place.add(
            Purpose.EXPORT, target.name, **{**target.values, **values}
        )
        desk.bucket = Bucket(app, storage)
        return storage

    return desk, connect


def test_what_is_labelled_is_in_the_bucket_and_the_rest_is_not(export):
    desk, connect = export
    storage = connect(prefix="out", can_delete_objects=True)
    kept, changed, deleted, lost, theirs = (desk.annotate() for _ in range(5))
    run = desk.place.sync(storage)
    assert (run.state, run.counts["delivered"]) == ("completed", 5)

    desk.change(changed, lead_time=7)
    desk.deliver(storage)
    desk.bucket.write(f"out/{theirs.id}", b'{"id": 0}')
    desk.delete(deleted)
    desk.delete(theirs)
    desk.deliver(storage)
    desk.bucket.remove(f"out/{lost.id}")
    found = verify_storage(desk.app, desk.owner, storage.id, repair=True)
    desk.deliver(storage)

    assert (found.missing, found.changed, found.foreign) == (1, 1, 0)
    left = sorted(f"out/{each.id}" for each in (kept, changed, lost, theirs))
    assert desk.bucket.keys() == left
    assert json.loads(desk.bucket.read(f"out/{changed.id}"))["lead_time"] == 7
    assert desk.bucket.read(f"out/{theirs.id}") == b'{"id": 0}'


def test_the_newest_content_wins_after_a_crash_and_against_the_slow(export, target):
    desk, connect = export
    storage = connect()
    annotation = desk.annotate()
    Carrier(desk, storage).send()  # and the process died
    expire_leases(desk)
    desk.change(annotation, lead_time=1)
    slow = Carrier(desk, storage)
    expire_leases(desk)
    desk.change(annotation, lead_time=2)
    Carrier(desk, storage).send().settle()

    slow.send().settle()
    desk.make_due()
    desk.deliver(storage)

    assert json.loads(desk.bucket.read(annotation.id))["lead_time"] == 2
    assert desk.row().delivered_version == desk.row().wanted_version


def test_what_was_exported_is_imported_into_another_project(
    export, build_workplace, target
):
    desk, connect = export
    data = {"image": "s3://media/ä.jpg", "n": 2**70, "a": [1.5, None]}
    task_id = desk.task(**data)
    made = [
        desk.annotate(task_id, lead_time=2.5, ground_truth=True),
        desk.annotate(task_id, result=[], was_cancelled=True),
    ]
    desk.place.sync(connect(payload="task", prefix="out"))

    other = build_workplace(desk.app)
    source = other.add(provider=target.name, **target.values, prefix="out")
    run = other.sync(source)

    assert (run.state, run.counts["created"]) == ("completed", 1)
    query = tasks.TaskQuery(other.project)
    (task,) = tasks.list_tasks(desk.app, other.owner, query).tasks
    assert task.data == data
    told = ("result", "was_cancelled", "ground_truth", "lead_time")
    for copy, original in zip(task.annotations, made, strict=True):
        assert [getattr(copy, n) for n in told] == [getattr(original, n) for n in told]


def test_a_file_of_everything_is_written_by_a_run(export):
    desk, connect = export
    made = [desk.annotate() for _ in range(3)]
    storage = connect(layout="jsonl", key_template="all.jsonl")

    runs = [desk.place.sync(storage).state for _ in range(2)]

    assert runs == ["completed", "completed"]
    lines = desk.bucket.read("all.jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each.id for each in made]

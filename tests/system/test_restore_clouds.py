"""A lightweight backup and a new home: the same bucket, a copy, another provider."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from labeldock.contract import Purpose
from labeldock.services import annotations, projects, storages, tasks
from labeldock.services.slots.attaching import AttachOrder, attach_storage
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from labeldock.testing.contents import assert_same_bytes
from labeldock.testing.plugins import build_catalog
from tests.plugins.s3.places import Place as S3Place
from tests.servers.gcs import run_gcs
from tests.servers.moto import run_moto
from tests.servers.starting import start_server
from tests.system.backup_places import Backups, render_uri
from tests.system.media_clouds import (
    GcsCloud,
    LocalCloud,
    S3Cloud,
    build_environment,
    list_providers,
)

NAMES = ("gull.jpg", "sub/tern no 2.jpg", "ünï+code&.jpg")


class MotoCloud(S3Cloud):
    """moto, which lets everybody in."""

    def __init__(self, url):
        self.place = S3Place(url, "key", "secret", "us-east-1")


@pytest.fixture(scope="module")
def servers():
    """S3 and Google Cloud Storage, as far as tests have them."""
    with ExitStack() as stack:
        moto = start_server(stack, run_moto())
        yield {"s3": MotoCloud(moto), "gcs": GcsCloud(start_server(stack, run_gcs()))}


@pytest.fixture
def clouds(servers, folder):
    return {**servers, "local": LocalCloud(folder)}


@pytest.fixture
def catalog(folder):
    return build_catalog(*list_providers(), environment=build_environment(folder))


@pytest.fixture
def add(app, owner):
    """Connect a bucket to a project."""

    def add_(project_id, cloud, bucket, **values):
        fields = {"use_blob_urls": True, "recursive_scan": True, "presign": False}
        fields |= cloud.fields(bucket) | values
        draft = StorageDraft(project_id, Purpose.IMPORT, cloud.provider, fields)
        return storages.add_storage(app, owner.principal, draft)

    return add_


@pytest.fixture
def backups(app, owner, tmp_path):
    return Backups(app, owner.principal, tmp_path)


@pytest.fixture
def source(app, owner, project, clouds, add, sync):
    """A labelled project whose media lie in S3, below a folder."""
    cloud = clouds["s3"]
    bucket = cloud.create()
    fill(cloud, bucket, "birds/")
    sync(add(project.id, cloud, bucket, prefix="birds"))
    for task in list_tasks(app, owner, project.id):
        values = {"result": [{"type": "choices", "value": {"choices": [str(task.id)]}}]}
        annotations.create_annotation(app, owner.principal, task.id, values)
    return bucket


def fill(cloud, bucket, prefix):
    for number, name in enumerate(NAMES):
        data = name.encode() * 1000 * (number + 1)
        cloud.put(bucket, prefix + name, data, "image/jpeg")


def list_tasks(app, owner, project_id):
    return tasks.list_tasks(app, owner.principal, tasks.TaskQuery(project_id)).tasks


def fetch_all(app, client, owner, project_id):
    """The bytes of every task's media, by the URI in its data."""
    found = {}
    for task in list_tasks(app, owner, project_id):
        (uri,) = task.data.values()
        url = f"/tasks/{task.id}/resolve/?fileuri={render_uri(uri)}"
        answer = client.get(url, headers=owner.headers)
        assert answer.status_code == 200, answer.text
        found[uri] = answer.content
    return found


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        ("same", "birds"),
        ("s3", "birds"),
        ("s3", "moved/to"),
        ("local", ""),
        ("gcs", "g"),
    ],
)
def test_a_lightweight_backup_attached_to_another_home_gives_the_same(
    app, client, owner, backups, project, source, clouds, add, kind, prefix
):
    before = backups.describe(project.id)
    media = fetch_all(app, client, owner, project.id)
    archive = backups.make(project.id, lightweight=True)
    projects.delete_project(app, owner.principal, project.id)
    cloud, bucket = clouds.get(kind, clouds["s3"]), source
    if kind != "same":
        bucket = cloud.create()
        fill(cloud, bucket, f"{prefix}/" if prefix else "")

    restored = backups.restored(archive)
    storage = add(restored, cloud, bucket, prefix=prefix)
    mapped = "" if kind == "local" else None  # else the slot's own prefix would stay
    order = AttachOrder(restored, storage.id, prefix=mapped, sample=10)
    attached = attach_storage(app, owner.principal, order)

    assert (attached.linked, attached.left) == (3, 0)
    assert attached.report.counts["found"] == 3
    assert backups.describe(restored) == before
    found = fetch_all(app, client, owner, restored)
    assert found.keys() == media.keys()
    for uri, data in media.items():
        assert_same_bytes(found[uri], data)
    asked = storages.sync_storage(app, owner.principal, storage.id, Purpose.IMPORT)
    counts = run_until_done(app, asked.run.id, owner="test").counts
    assert (counts["new"], counts["changed"], counts["existed"]) == (0, 0, 3)
    assert backups.describe(restored) == before


def test_a_full_backup_of_s3_needs_no_s3_any_more(
    app, client, owner, backups, project, source
):
    before = backups.describe(project.id)
    media = fetch_all(app, client, owner, project.id)
    archive = backups.make(project.id, lightweight=False)
    projects.delete_project(app, owner.principal, project.id)

    restored = backups.restored(archive)

    assert backups.describe(restored) == before
    found = fetch_all(app, client, owner, restored)
    for uri, data in media.items():
        assert_same_bytes(found[uri], data)

"""Processes of the version before work on with the schema of the next one."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from labeldock.db import schema
from labeldock.services import annotations, projects, tasks
from tests.core.exporting.conftest import Desk, region
from tests.upgrades.made_up import NewerVersion, write_next

BLOBS = {"use_blob_urls": True, "recursive_scan": True}
KEYS = [f"{number:02}.jpg" for number in range(10)]


@pytest.fixture
def newer(tmp_path):
    version = NewerVersion(tmp_path / "newer")
    write_next(version.folder, schema.head_revision())
    return version


@pytest.fixture
def desk(open_app, installation, build_workplace, bucket):
    return Desk(build_workplace(open_app(installation, page_size=3)), bucket)


def list_tasks(desk):
    query = tasks.TaskQuery(desk.place.project, limit=100)
    return tasks.list_tasks(desk.app, desk.owner, query).tasks


def test_what_was_begun_before_goes_on_and_all_else_works(desk, newer):
    database, place = desk.app.database, desk.place
    desk.bucket.put_all(dict.fromkeys(KEYS, "x"))
    old = desk.annotate()
    target = place.add_export(prefix="out", can_delete_objects=True)

    newer(schema.upgrade, database)

    schema.ensure_current(database)
    run = place.sync(place.add(**BLOBS))
    fresh = desk.annotate()
    desk.change(old, result=[region("owl")])
    desk.deliver(target)
    desk.delete(fresh)
    desk.deliver(target)
    again = projects.create_project(desk.app, desk.owner, {"title": "More"})
    assert (run.state, run.counts["created"]) == ("completed", len(KEYS))
    assert len(list_tasks(desk)) == len(KEYS) + 2
    assert [link.annotation_id for link in desk.links()] == [old.id]
    assert desk.read(f"out/{old.id}")["result"] == [region("owl")]
    assert annotations.get_annotation(desk.app, desk.owner, old.id).result
    assert again.title == "More"
    with database.read() as session:  # as the next version sees what this one wrote
        weights = session.execute(text("SELECT DISTINCT weight FROM task")).scalars()
        assert list(weights) == [1]


def test_a_sync_goes_on_while_the_schema_is_upgraded(desk, provider, newer):
    desk.bucket.put_all(dict.fromkeys(KEYS, "x"))
    upgraded = []

    def upgrade(_request):
        if provider.calls["list_objects"] - begun == 2:
            newer(schema.upgrade, desk.app.database)
            upgraded.append(schema.current_revision(desk.app.database))

    storage = desk.place.add(**BLOBS)
    begun = provider.calls["list_objects"]
    provider.before["list_objects"] = upgrade
    run = desk.place.sync(storage)

    assert upgraded == ["next2"]
    assert (run.state, run.problem) == ("completed", None)
    assert run.counts["created"] == len(list_tasks(desk)) == len(KEYS)

"""/api/storages/P/form and /files: what a page shows before a storage is connected."""

from __future__ import annotations

import pytest

from labeldock.contract import Purpose
from labeldock.services.importing.browsing import browse_storage
from labeldock.services.storage_changes import SHOWN_FIELDS
from labeldock.services.storage_fields import StorageDraft
from tests.system.conftest import BUCKET

FILES = "/api/storages/memory/files"


@pytest.fixture
def browse(client, auth, project, put_object):
    for name in ("a.jpg", "b.jpg", "c.txt", "sea/d.jpg"):
        put_object(f"photos/{name}", b"12345")

    def post(**values):
        usual = {"project": project.id, "bucket": BUCKET, "prefix": "photos"}
        return client.post(FILES, json={**usual, **values}, headers=auth)

    return post


def read_keys(answer):
    return [file["key"] for file in answer.json()["files"]]


@pytest.mark.parametrize(
    ("path", "purpose"),
    [("/api/storages", Purpose.IMPORT), ("/api/storages/export", Purpose.EXPORT)],
)
@pytest.mark.parametrize("kind", ["memory", "localfiles", "local"])
def test_a_form_has_a_field_for_each_setting(client, auth, app, path, purpose, kind):
    rows = client.get(f"{path}/{kind}/form/", headers=auth).json()

    fields = {field["name"]: field for row in rows for field in row["fields"]}
    own = {"memory": "bucket"}.get(kind, "path")
    shown = set(SHOWN_FIELDS[purpose])
    unused = {"regex_filter", "use_blob_urls"} if purpose is Purpose.EXPORT else set()
    assert {own} | (shown - unused) <= set(fields)
    assert not unused & set(fields)
    assert all(row["columnCount"] >= 1 for row in rows)
    assert fields[own]["required"] is True
    kinds = {field["type"] for field in fields.values()}
    assert kinds <= {"text", "password", "select", "toggle", "counter"}


def test_fields_are_drawn_as_what_they_are(client, auth):
    rows = client.get("/api/storages/memory/form", headers=auth).json()
    fields = {field["name"]: field for row in rows for field in row["fields"]}

    assert fields["use_blob_urls"]["type"] == "select"
    assert [o["value"] for o in fields["use_blob_urls"]["options"]] == [True, False]
    assert fields["recursive_scan"]["type"] == "toggle"
    assert fields["presign_ttl"]["type"] == "counter"
    assert (fields["presign_ttl"]["value"], fields["presign_ttl"]["min"]) == (15, 1)
    options = [option["value"] for option in fields["on_change"]["options"]]
    assert options == ["report", "update", "flag"]


def test_the_first_objects_are_listed_and_nothing_is_saved(
    client, auth, project, browse
):
    answer = browse()

    files = answer.json()["files"]
    assert read_keys(answer) == ["photos/a.jpg", "photos/b.jpg", "photos/c.txt"]
    assert {file["size"] for file in files} == {5}
    assert all(file["last_modified"].endswith("Z") for file in files)
    query = {"project": project.id}
    assert client.get("/api/storages", params=query, headers=auth).json() == []


FILTERS = {
    "pattern": ({"regex_filter": ".*jpg"}, ["photos/a.jpg", "photos/b.jpg"]),
    "folders": ({"recursive_scan": True, "prefix": "photos/sea"}, ["photos/sea/d.jpg"]),
    "nothing": ({"prefix": "elsewhere"}, []),
    "more": ({"limit": 2}, ["photos/a.jpg", "photos/b.jpg", None]),
    "text": ({"limit": "1"}, ["photos/a.jpg", None]),
    "zero": ({"limit": 0}, ["photos/a.jpg", "photos/b.jpg", "photos/c.txt"]),
    "exactly": ({"limit": 3}, ["photos/a.jpg", "photos/b.jpg", "photos/c.txt"]),
}


@pytest.mark.parametrize(("values", "keys"), FILTERS.values(), ids=FILTERS)
def test_filters_and_limit_count(browse, values, keys):
    assert read_keys(browse(**values)) == keys


def test_a_saved_storage_needs_its_number_alone_and_keeps_its_values(
    client, auth, browse, connect
):
    browse()
    storage = connect(prefix="photos", regex_filter=".*jpg")
    body = {"id": storage.id, "prefix": "photos/sea"}

    answer = client.post(FILES, json=body, headers=auth)
    kept = client.get(f"/api/storages/memory/{storage.id}", headers=auth).json()

    assert read_keys(answer) == ["photos/sea/d.jpg"]
    assert kept["prefix"] == "photos"


WRONG = {
    "limit": ({"limit": "x"}, 400),
    "bucket": ({"bucket": "elsewhere"}, 400),
    "pattern": ({"regex_filter": "(?=a)"}, 400),
    "project": ({"project": 99}, 400),
    "storage": ({"id": 99}, 404),
}


@pytest.mark.parametrize(("values", "status"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_listed_is_the_fault_of_the_request(browse, values, status):
    assert browse(**values).status_code == status


def test_a_pattern_that_is_none_is_told_in_words(browse):
    (said,) = browse(regex_filter="([").json()["validation_errors"]["regex_filter"]

    assert said.startswith("not a valid RE2 pattern (missing ]: [); ")


def test_somebody_else_lists_nothing(client, project, browse, connect, stranger):
    browse()
    for body in ({"project": project.id, "bucket": BUCKET}, {"id": connect().id}):
        answer = client.post(FILES, json=body, headers=stranger.headers)
        assert answer.status_code == 403


def test_a_listing_that_takes_too_long_says_so(app, owner, project, browse):
    browse()
    draft = StorageDraft(project.id, Purpose.IMPORT, "memory", {"bucket": BUCKET})

    found = browse_storage(app, owner.principal, draft, limit=100, seconds=-1)

    assert found.is_late


def test_export_storages_have_no_files_to_list(client, auth):
    answer = client.post("/api/storages/export/memory/files", json={}, headers=auth)

    assert answer.status_code == 404

"""/api/storages: the same routes for each provider, as clients of Label Studio know."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from labeldock.contract import Purpose
from labeldock.host import Choice, load_catalog
from labeldock.testing.plugins import FakeEntryPoint, build_catalog, build_source
from labeldock.web.app import create_app
from tests.system.conftest import BUCKET, build_app

IMPORT, EXPORT = "/api/storages/memory", "/api/storages/export/memory"
BOTH = pytest.mark.parametrize("path", [IMPORT, EXPORT])


@pytest.fixture
def filled(put_object):
    put_object("a.jpg")
    put_object("b.jpg")


@pytest.fixture
def create(client, auth, project, filled):
    def post(url=IMPORT, /, **values):
        usual = {"project": project.id, "use_blob_urls": True}
        if "memory" in url:
            usual["bucket"] = BUCKET
        body = {**usual, **values}
        return client.post(url, json=body, headers=auth)

    return post


@pytest.mark.parametrize("slash", ["", "/"])
@BOTH
def test_a_storage_is_connected_read_changed_and_removed(
    client, auth, create, path, slash
):
    created = create(f"{path}{slash}", title="Coast")
    one = f"{path}/{created.json()['id']}{slash}"
    changed = client.patch(one, json={"title": "Harbour"}, headers=auth)
    put = client.put(one, json={"description": "Boats"}, headers=auth)
    read = client.get(one, headers=auth).json()
    deleted = client.delete(one, headers=auth)

    assert created.status_code == 201
    assert changed.json()["type"] == "memory"
    assert put.json() == read
    assert (read["title"], read["description"]) == ("Harbour", "Boats")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(one, headers=auth).status_code == 404


SHARED = """id type title description project created_at synchronizable last_sync
last_sync_count last_sync_job status traceback meta prefix regex_filter use_blob_urls
bucket"""


def test_an_import_storage_has_every_key_that_clients_know(create, project):
    read = create().json()

    assert set(SHARED.split()) | {"presign", "presign_ttl", "recursive_scan"} <= set(
        read
    )
    assert (read["project"], read["status"], read["meta"]) == (
        project.id,
        "initialized",
        {},
    )
    assert read["last_sync"] is read["last_sync_count"] is read["traceback"] is None


def test_an_export_storage_is_synced_as_soon_as_it_is_connected(create):
    read = create(EXPORT, can_delete_objects=True).json()

    assert set(SHARED.split()) <= set(read)
    assert read["can_delete_objects"] is True
    assert read["status"] == "queued"
    assert set(read["meta"]) >= {"attempts", "time_queued", "total_annotations"}


def test_the_operator_decides_whether_it_is(home, catalog, auth, project, app):
    quiet = build_app(home, catalog, sync_on_target_storage_creation=False)
    with TestClient(create_app(quiet)) as client:
        body = {"project": project.id, "bucket": BUCKET}
        read = client.post(EXPORT, json=body, headers=auth).json()
    quiet.close()

    assert read["status"] == "initialized"


def test_a_storage_that_may_not_be_synced_is_connected_without(create):
    assert create(EXPORT, synchronizable=False).json()["status"] == "initialized"


@BOTH
def test_the_storages_of_a_project_are_a_plain_list(
    client, auth, create, project, path
):
    created = [create(path, title=title).json()["id"] for title in "ab"]

    listed = client.get(f"{path}/?project={project.id}", headers=auth).json()

    assert [storage["id"] for storage in listed] == created


@BOTH
def test_a_list_needs_a_project(client, auth, path):
    missing = client.get(path, headers=auth)
    unknown = client.get(path, params={"project": 99}, headers=auth)

    assert missing.status_code == 400
    assert 'query parameter \\"project\\" is required' in missing.text
    assert unknown.status_code == 404
    assert unknown.json()["detail"] == "Project 99 does not exist."


@pytest.mark.parametrize(
    ("path", "purpose"),
    [("/api/storages", Purpose.IMPORT), ("/api/storages/export", Purpose.EXPORT)],
)
def test_storages_of_every_provider_are_listed_together(
    client, auth, create, connect, project, folder, path, purpose
):
    (folder / "a.jpg").touch()
    kind = f"{path}/local"
    memory = connect(purpose)
    local = create(kind, path=str(folder)).json()

    listed = client.get(path, params={"project": project.id}, headers=auth).json()

    assert [s["id"] for s in listed] == [memory.id, local["id"]]
    for query in ({}, {"project": 99}):
        assert client.get(path, params=query, headers=auth).json() == []


@pytest.mark.parametrize("path", ["/api/storages/types", "/api/storages/export/types"])
def test_the_types_are_the_installed_providers(client, auth, path):
    types = client.get(path, headers=auth).json()

    assert {"name": "memory", "title": "Memory"} in types
    assert {"localfiles"} <= {kind["name"] for kind in types}


def test_a_provider_answers_to_all_its_names(client, auth, create, folder):
    (folder / "a.jpg").touch()
    number = create("/api/storages/localfiles/", path=str(folder)).json()["id"]

    for name in ("local", "localfiles"):
        read = client.get(f"/api/storages/{name}/{number}", headers=auth).json()
        assert (read["type"], read["path"]) == ("localfiles", str(folder))


def test_a_storage_is_not_found_under_another_provider(client, auth, create):
    number = create().json()["id"]

    for method in ("GET", "PATCH", "DELETE"):
        answer = client.request(
            method, f"/api/storages/local/{number}", headers=auth, json={}
        )
        assert answer.status_code == 404
    assert client.get(f"{IMPORT}/{number}", headers=auth).status_code == 200
    assert client.get(f"{EXPORT}/{number}", headers=auth).status_code == 404


@pytest.mark.parametrize("rest", ["", "/", "/1", "/1/sync", "/validate", "/form"])
@pytest.mark.parametrize("folder", ["/api/storages", "/api/storages/export"])
def test_a_provider_that_is_not_installed_is_a_404_that_says_so(
    client, auth, folder, rest
):
    answer = client.post(f"{folder}/redis{rest}", headers=auth)

    assert answer.status_code == 404
    assert "there is no provider 'redis'" in answer.json()["detail"]
    assert "pip install" not in answer.json()["detail"]


def test_a_path_that_a_provider_does_not_have_is_404(client, auth):
    answer = client.get(f"{IMPORT}/nowhere", headers=auth)

    assert (answer.status_code, answer.json()["detail"]) == (404, "Not found.")


def test_what_cannot_be_set_is_named_and_has_no_effect(create):
    answer = create(status="completed", meta={"a": 1}, last_sync_count=7, colour="red")

    assert answer.json()["status"] == "initialized"
    assert answer.json()["meta"] == {}
    header = answer.headers["X-Labeldock-Ignored-Fields"]
    assert header == "status, meta, last_sync_count, colour"


def test_a_storage_stays_with_its_project(client, auth, create, project):
    one = f"{IMPORT}/{create().json()['id']}"

    answer = client.patch(one, json={"project": 99, "title": "x"}, headers=auth)

    assert answer.json()["project"] == project.id
    assert answer.headers["X-Labeldock-Ignored-Fields"] == "project"


def test_values_are_taken_as_clients_send_them(client, auth, project, filled):
    body = {
        "project": str(project.id),
        "bucket": BUCKET,
        "use_blob_urls": "true",
        "presign_ttl": "5",
    }

    read = client.post(f"{IMPORT}/", data=body, headers=auth).json()

    assert (read["use_blob_urls"], read["presign_ttl"]) == (True, 5)


def test_null_stands_for_a_value_that_is_left_out(create):
    answer = create(title=None, prefix=None, regex_filter=None, presign_ttl=None)

    assert answer.status_code == 201
    assert answer.json()["presign_ttl"] == 15


WRONG = {
    "no project": ({"project": ""}, "project"),
    "no such project": ({"project": 777}, "project"),
    "no bucket": ({"bucket": None}, "bucket"),
    "another bucket": ({"bucket": "elsewhere"}, "bucket"),
    "a number": ({"bucket": 7}, "bucket"),
    "nothing below": ({"prefix": "nowhere"}, "prefix"),
    "a word": ({"presign_ttl": "soon"}, "presign_ttl"),
    "negative": ({"presign_ttl": -1}, "presign_ttl"),
    "nothing passes": ({"regex_filter": "png"}, "regex_filter"),
    "media for tasks": ({"use_blob_urls": False}, "use_blob_urls"),
    "lookahead": ({"regex_filter": "(?=a)"}, "regex_filter"),
    "long": ({"title": "x" * 257}, "title"),
    "maybe": ({"recursive_scan": "maybe"}, "recursive_scan"),
}


@pytest.mark.parametrize(("values", "field"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_connected_is_told_by_field(
    client, auth, create, project, values, field
):
    answer = create(**values)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]
    listed = client.get(IMPORT, params={"project": project.id}, headers=auth)
    assert listed.json() == []


def test_a_folder_outside_the_allowed_ones_is_told_with_the_remedy(create):
    answer = create("/api/storages/localfiles", path="/etc")

    assert answer.status_code == 400
    (message,) = answer.json()["validation_errors"]["path"]
    assert "LABELDOCK_LOCAL_ROOTS" in message


@BOTH
def test_a_check_that_ends_well_answers_with_nothing(
    client, auth, project, filled, path
):
    body = {"project": project.id, "bucket": BUCKET, "use_blob_urls": True}

    answer = client.post(f"{path}/validate", json=body, headers=auth)

    assert (answer.status_code, answer.content) == (200, b"")
    listed = client.get(path, params={"project": project.id}, headers=auth)
    assert listed.json() == []


def test_a_check_says_what_is_wrong_and_saves_nothing(client, auth, create, project):
    created = create().json()
    body = {"id": created["id"], "project": project.id, "bucket": "elsewhere"}

    answer = client.post(f"{IMPORT}/validate/", json=body, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["bucket"]
    assert client.get(f"{IMPORT}/{created['id']}", headers=auth).json() == created


@pytest.mark.parametrize("text", [True, False])
def test_a_check_of_a_saved_storage_needs_its_number_alone(client, auth, create, text):
    number = create().json()["id"]
    body = {"id": str(number) if text else number}

    answer = client.post(f"{IMPORT}/validate", json=body, headers=auth)

    assert answer.status_code == 200


@BOTH
def test_a_sync_is_answered_at_once(client, auth, create, path):
    created = create(path, synchronizable=True, use_blob_urls=True).json()

    answer = client.post(f"{path}/{created['id']}/sync", headers=auth)

    assert answer.status_code == 200
    assert answer.json()["status"] == "queued"
    assert answer.json()["last_sync_count"] is None


def test_a_sync_that_is_done_shows_what_it_came_to(client, auth, filled, connect, sync):
    storage = connect()
    sync(storage)
    put = client.get(f"{IMPORT}/{storage.id}", headers=auth).json()
    run = sync(storage)

    read = client.get(f"{IMPORT}/{storage.id}", headers=auth).json()

    assert (put["status"], put["last_sync_count"]) == ("completed", 2)
    assert (read["status"], read["last_sync_count"]) == ("completed", 0)
    assert read["last_sync"] > put["last_sync"]
    assert read["last_sync_job"] == str(run.id)
    assert read["traceback"] is None
    assert read["meta"]["tasks_existed"] == 2
    assert read["meta"]["duration"] >= 0
    assert read["meta"]["time_queued"].endswith("+00:00")
    assert {"time_in_progress", "time_last_ping", "time_completed"} <= set(read["meta"])


def test_a_storage_that_may_not_be_synced_says_so(client, auth, create):
    number = create(synchronizable=False).json()["id"]

    answer = client.post(f"{IMPORT}/{number}/sync", headers=auth)

    assert answer.status_code == 400
    assert answer.json()["message"] == f"Storage {number} is not synchronizable"


def test_objects_that_failed_are_told(client, auth, put_object, connect, sync):
    put_object("good.json", b'{"text": "a"}')
    put_object("bad.json", b"{")
    storage = connect(use_blob_urls=False)
    run = sync(storage)

    read = client.get(f"{IMPORT}/{storage.id}", headers=auth).json()

    assert read["status"] == "completed_with_errors"
    assert read["traceback"] == f"1 object failed; see /api/runs/{run.id}/errors"


def test_a_failure_says_what_happened_and_what_to_do(
    client, auth, filled, memory, connect, sync
):
    storage = connect()
    del memory._buckets[BUCKET]
    sync(storage)

    read = client.get(f"{IMPORT}/{storage.id}", headers=auth).json()

    assert read["status"] == "failed"
    assert read["traceback"].startswith("container_not_found: ")
    assert "time_failure" in read["meta"]
    assert "time_completed" not in read["meta"]


def test_a_storage_whose_provider_is_gone_is_still_shown(
    home, app, auth, filled, connect, project
):
    connect()
    without = build_app(home, build_catalog())
    with TestClient(create_app(without)) as client:
        path = "/api/storages/"
        (read,) = client.get(path, params={"project": project.id}, headers=auth).json()
        removed = client.get(f"{IMPORT}/{read['id']}", headers=auth)
    without.close()

    assert read["type"] == "memory"
    assert "there is no provider 'memory'" in read["traceback"]
    assert removed.status_code == 404


def test_a_provider_that_is_kept_out_is_a_400_that_says_why(home, app, auth, memory):
    entries = build_source([FakeEntryPoint("memory", lambda: memory)])
    choice = Choice(block=frozenset({"memory"}))
    blocked = load_catalog(environment={}, choice=choice, entry_points=entries)
    without = build_app(home, blocked)
    with TestClient(create_app(without)) as client:
        answer = client.post(IMPORT, json={"project": 1}, headers=auth)
    without.close()

    assert answer.status_code == 400
    assert "is disabled" in answer.json()["detail"]

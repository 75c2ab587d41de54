"""What clients of Label Studio rely on, line by line, against real storages.

`CHECKLIST` has one sentence for each line of the smallest API that such clients run
with; `MATRIX` has the calls on storages that go wrong, and what each is answered.
"""

from __future__ import annotations

from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

from labeldock.services.working import run_until_done
from labeldock.testing.plugins import build_catalog
from tests.servers.moto import run_moto
from tests.system.media_clouds import build_environment, list_providers

KEYS = ("a.jpg", "b.jpg")
SECRETS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
STATUSES = {
    "initialized", "queued", "in_progress", "failed", "completed",
    "completed_with_errors",
}  # fmt: skip


@pytest.fixture(scope="module")
def s3():
    """Amazon S3, as moto has it, with a bucket of two pictures."""
    with run_moto() as url:
        names = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        settings = Config(s3={"addressing_style": "path"})
        place = {"endpoint_url": url, "region_name": "us-east-1"}
        client = boto3.client("s3", config=settings, **names, **place)
        fill(client)
        client.create_bucket(Bucket="folders")
        client.put_object(Bucket="folders", Key="sea/a.jpg", Body=b"picture")
        yield SimpleNamespace(url=url, client=client)
        client.close()


def fill(client):
    """Make the bucket, with its pictures."""
    client.create_bucket(Bucket="photos")
    for key in KEYS:
        client.put_object(Bucket="photos", Key=key, Body=b"picture")


@pytest.fixture
def catalog(folder):
    return build_catalog(*list_providers(), environment=build_environment(folder))


@pytest.fixture
def shop(client, auth, s3, project, folder):
    """What a line of the lists needs: somebody who asks, and something to ask for."""

    def ask(method, path, headers=auth, **more):
        return client.request(method, path, headers=headers, **more)

    bucket = {
        "project": project.id,
        "bucket": "photos",
        "s3_endpoint": s3.url,
        "region_name": "us-east-1",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "use_blob_urls": True,
    }
    return SimpleNamespace(ask=ask, bucket=bucket, project=project.id, folder=folder)


def create(shop, **values):
    made = shop.ask("POST", "/api/storages/s3/", json={**shop.bucket, **values})
    assert made.status_code == 201, made.text
    return made.json()


def both_forms_of_a_path_are_one(shop):
    for path in ("/api/projects", "/api/tasks", "/api/version", "/api/storages/types"):
        query = {"project": shop.project}
        bare, slashed = (shop.ask("GET", p, params=query) for p in (path, f"{path}/"))
        assert (bare.status_code, slashed.status_code) == (200, 200)
        assert bare.json() == slashed.json()


def a_token_is_taken_in_three_headers(shop):
    token = shop.ask("POST", "/api/token/").json()["token"]
    bought = shop.ask("POST", "/api/token/refresh/", json={"refresh": token})
    legacy = shop.ask("GET", "/api/current-user/token").json()["token"]
    for headers in (
        {"Authorization": f"Token {legacy}"},
        {"Authorization": f"Bearer {bought.json()['access']}"},
        {"X-API-Key": legacy},
    ):
        answer = shop.ask("GET", "/api/current-user/whoami", headers=headers)
        assert answer.status_code == 200


def a_refresh_token_is_exchanged_and_a_bad_one_is_401(shop):
    bad = shop.ask("POST", "/api/token/refresh/", json={"refresh": "a.b.c"})
    assert bad.status_code == 401
    nobody = shop.ask("GET", "/api/projects/", headers={})
    assert nobody.status_code == 401
    assert "Token" in nobody.headers["WWW-Authenticate"]


def a_page_past_the_last_is_404(shop):
    query = {"project": shop.project, "page": 2}
    for path in ("/api/projects/", "/api/tasks/"):
        assert shop.ask("GET", path, params=query).status_code == 404


def storages_are_plain_lists(shop):
    create(shop)
    query = {"project": shop.project}
    for path in ("/api/storages/s3/", "/api/storages/", "/api/storages"):
        (storage,) = shop.ask("GET", path, params=query).json()
        assert storage["type"] == "s3"
    for path in ("/api/storages/export/s3", "/api/storages/export"):
        assert shop.ask("GET", path, params=query).json() == []


def deletions_are_204_and_empty(shop):
    path = f"/api/storages/s3/{create(shop)['id']}"
    gone = shop.ask("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert shop.ask("GET", path).status_code == 404


def a_check_is_200_and_empty_and_saves_nothing(shop):
    for path in ("/api/storages/s3/validate", "/api/storages/export/s3/validate"):
        checked = shop.ask("POST", path, json=shop.bucket)
        assert (checked.status_code, checked.content) == (200, b"")
    query = {"project": shop.project}
    assert shop.ask("GET", "/api/storages/", params=query).json() == []


def additions_are_201(shop):
    create(shop)
    made = shop.ask("POST", "/api/storages/export/s3", json=shop.bucket)
    assert made.status_code == 201
    body = {"project": shop.project, "data": {"text": "a"}}
    task = shop.ask("POST", "/api/tasks/", json=body)
    assert task.status_code == 201
    path = f"/api/tasks/{task.json()['id']}/annotations/"
    assert shop.ask("POST", path, json={"result": []}).status_code == 201
    imported = shop.ask("POST", f"/api/projects/{shop.project}/import", json=[{"n": 1}])
    assert imported.status_code == 201


def secrets_are_absent(shop):
    made = create(shop)
    read = shop.ask("GET", f"/api/storages/s3/{made['id']}").json()
    changed = shop.ask("PATCH", f"/api/storages/s3/{made['id']}", json={"title": "x"})
    for shown in (made, read, changed.json()):
        assert not SECRETS & set(shown)


def the_type_is_always_there(shop):
    made = create(shop)
    changed = shop.ask("PATCH", f"/api/storages/s3/{made['id']}", json={"title": "x"})
    assert {made["type"], changed.json()["type"]} == {"s3"}
    (shop.folder / "a.jpg").write_bytes(b"picture")
    values = {"project": shop.project, "path": str(shop.folder), "use_blob_urls": True}
    for name in ("localfiles", "local"):
        local = shop.ask("POST", f"/api/storages/{name}", json=values)
        assert local.json()["type"] == "localfiles"


def unknown_and_read_only_fields_are_accepted_and_ignored(shop):
    forged = {"status": "completed", "meta": {"x": 1}, "last_sync": "2026-01-01"}
    made = create(shop, **forged, synchronisable="x", title=None)
    assert (made["status"], made["last_sync"]) == ("initialized", None)
    path = f"/api/storages/s3/{made['id']}"
    changed = shop.ask("PATCH", path, json=forged)
    assert (changed.status_code, changed.json()["status"]) == (200, "initialized")


def errors_have_the_envelope(shop):
    wrong = shop.ask("POST", "/api/projects/", json={"title": "x"}).json()
    assert {"id", "status_code", "version", "detail", "exc_info"} < set(wrong)
    assert (wrong["status_code"], wrong["detail"]) == (400, "Validation error")
    assert list(wrong["validation_errors"]) == ["title"]
    missing = shop.ask("GET", "/api/projects/999/").json()
    assert "validation_errors" not in missing


def whatever_is_not_there_is_json(shop):
    for path in (
        "/api/storages/s3/99999",
        "/api/storages/redis",
        "/api/storages/gcswif/1",
        "/api/storages/nope/",
        "/api/nope",
        "/api/tasks/99999",
    ):
        answer = shop.ask("GET", path, params={"project": shop.project})
        assert answer.status_code == 404
        assert answer.json()["status_code"] == 404


def a_status_is_one_of_six(shop):
    made = create(shop)
    synced = shop.ask("POST", f"/api/storages/s3/{made['id']}/sync").json()
    assert {made["status"], synced["status"]} <= STATUSES
    assert (synced["status"], synced["last_sync_count"]) == ("queued", None)


def values_are_taken_as_forms_send_them(shop):
    made = create(shop, project=str(shop.project), presign_ttl="3", description=None)
    assert (made["project"], made["presign_ttl"]) == (shop.project, 3)
    listed = shop.ask(
        "POST", "/api/storages/s3/files", json={**shop.bucket, "limit": "1"}
    )
    assert [each["key"] for each in listed.json()["files"]][1:] in ([], [None])


CHECKLIST = (
    both_forms_of_a_path_are_one,
    a_token_is_taken_in_three_headers,
    a_refresh_token_is_exchanged_and_a_bad_one_is_401,
    a_page_past_the_last_is_404,
    storages_are_plain_lists,
    deletions_are_204_and_empty,
    a_check_is_200_and_empty_and_saves_nothing,
    additions_are_201,
    secrets_are_absent,
    the_type_is_always_there,
    unknown_and_read_only_fields_are_accepted_and_ignored,
    errors_have_the_envelope,
    whatever_is_not_there_is_json,
    a_status_is_one_of_six,
    values_are_taken_as_forms_send_them,
)


@pytest.mark.parametrize("line", CHECKLIST, ids=lambda line: line.__name__)
def test_the_checklist_holds(shop, line):
    line(shop)


MATRIX = {
    "no project": ("s3", {"project": None}, "project"),
    "a project that is not there": ("s3", {"project": 999}, "project"),
    "no such bucket": ("s3", {"bucket": "nope"}, "bucket"),
    "nothing below the prefix": ("s3", {"prefix": "p"}, "prefix"),
    "only folders": ("s3", {"bucket": "folders"}, "recursive_scan"),
    "half of the keys": ("s3", {"aws_secret_access_key": None}, "non_field_errors"),
    "an endpoint that is none": ("s3", {"s3_endpoint": "notaurl"}, "s3_endpoint"),
    "nobody at the endpoint": (
        "s3", {"s3_endpoint": "http://127.0.0.1:9"}, "s3_endpoint",
    ),
    "a pattern that is none": ("s3", {"regex_filter": "("}, "regex_filter"),
    "credentials that are no document": (
        "gcs",
        {"google_application_credentials": "{"},
        "google_application_credentials",
    ),
    "another endpoint that is none": (
        "azure",
        {"container": "photos", "azure_endpoint": "notaurl"},
        "azure_endpoint",
    ),
    "a folder that is not allowed": ("localfiles", {"path": "/etc"}, "path"),
}  # fmt: skip
"""The type, what is sent instead or besides, and the field that the answer names."""


@pytest.mark.parametrize("side", ["storages", "storages/export"])
def test_what_goes_wrong_is_a_400_by_field(shop, side):
    """What an import reads or skips is nothing to an export."""
    found, expected = {}, {}
    for what, (name, changes, field) in MATRIX.items():
        is_nothing = side.endswith("export") and what in OF_IMPORTS
        for path in (f"/api/{side}/{name}", f"/api/{side}/{name}/validate"):
            body = {**shop.bucket, **changes}
            answer = shop.ask("POST", path, json=body)
            told = answer.json()["validation_errors"] if answer.is_error else None
            found[what, path] = (answer.status_code, told and list(told))
            fine = (200 if path.endswith("validate") else 201, None)
            expected[what, path] = fine if is_nothing else (400, [field])

    assert found == expected


OF_IMPORTS = {"nothing below the prefix", "only folders", "a pattern that is none"}


def test_a_storage_that_may_not_be_synced_is_a_400_with_a_message(shop):
    made = create(shop, synchronizable=False)

    answer = shop.ask("POST", f"/api/storages/s3/{made['id']}/sync")

    assert answer.status_code == 400
    text = f"Storage {made['id']} is not synchronizable"
    assert answer.json()["message"] == text


@pytest.fixture
def work(app):
    def until_done(storage):
        run_until_done(app, storage["last_sync_job"], owner="test")

    return until_done


def test_a_sync_creates_once_and_the_tasks_outlive_their_storage(shop, work):
    path = f"/api/storages/s3/{create(shop)['id']}"
    shown = []
    for _ in range(2):
        work(shop.ask("POST", f"{path}/sync").json())
        shown.append(shop.ask("GET", path).json())

    assert [each["status"] for each in shown] == ["completed", "completed"]
    assert [each["last_sync_count"] for each in shown] == [2, 0]
    assert [each["meta"]["tasks_existed"] for each in shown] == [0, 2]
    assert [each["traceback"] for each in shown] == [None, None]
    assert shop.ask("DELETE", path).status_code == 204
    query = {"project": shop.project}
    found = shop.ask("GET", "/api/tasks/", params=query).json()
    assert [task["storage_filename"] for task in found["tasks"]] == list(KEYS)


def test_a_failure_during_a_sync_is_a_status_and_success_clears_it(shop, work, s3):
    made = create(shop)
    path = f"/api/storages/s3/{made['id']}"
    for key in KEYS:
        s3.client.delete_object(Bucket="photos", Key=key)
    s3.client.delete_bucket(Bucket="photos")
    answer = shop.ask("POST", f"{path}/sync")
    work(answer.json())

    failed = shop.ask("GET", path).json()
    assert (answer.status_code, failed["status"]) == (200, "failed")
    assert "bucket" in failed["traceback"]
    assert "File " not in failed["traceback"]
    fill(s3.client)
    work(shop.ask("POST", f"{path}/sync").json())
    again = shop.ask("GET", path).json()
    assert (again["status"], again["traceback"]) == ("completed", None)

"""/api/webhooks: in the shape that clients know, with secrets shown once."""

from __future__ import annotations

import pytest

from labeldock.services.webhooks import delivery
from tests.servers.receiver import run_receiver

FIELDS = {
    "id", "organization", "project", "url", "send_payload", "send_for_all_actions",
    "headers", "is_active", "actions", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture
def create(client, auth, project):
    def create(url="http://127.0.0.1:1/", **values):
        body = {"url": url, "project": project.id, **values}
        return client.post("/api/webhooks/", json=body, headers=auth)

    return create


def test_a_webhook_is_made_read_changed_and_removed(client, auth, project, create):
    made = create(actions=["RUN_FAILED"], headers={"X-Key": "hidden"})

    assert made.status_code == 201
    body = made.json()
    assert set(body) >= FIELDS | {"secret"}
    assert body["headers"] == {"X-Key": "********"}
    path = f"/api/webhooks/{body['id']}/"
    read = client.get(path, headers=auth)
    assert "secret" not in read.json()
    assert "hidden" not in read.text + made.text
    listed = client.get(f"/api/webhooks/?project={project.id}", headers=auth).json()
    assert listed == [read.json()]
    changed = client.patch(path, json={"is_active": False}, headers=auth).json()
    assert (changed["is_active"], changed["actions"]) == (False, ["RUN_FAILED"])
    assert client.delete(path, headers=auth).status_code == 204
    assert client.get(path, headers=auth).status_code == 404


def test_unknown_fields_are_dropped_and_named(create):
    made = create(organization=7)

    assert made.status_code == 201
    assert made.headers["X-Labeldock-Ignored-Fields"] == "organization"


def test_bad_values_are_refused_with_their_field(create):
    refused = create(url="ftp://x")
    assert refused.status_code == 400
    assert "url" in refused.json()["validation_errors"]

    refused = create(actions=["EVERYTHING"])
    assert "actions" in refused.json()["validation_errors"]


def test_a_metadata_service_is_never_an_address(create):
    refused = create(url="http://169.254.169.254/latest/")

    assert refused.status_code == 400
    assert "metadata" in refused.text


def test_strangers_see_nothing(client, stranger, create):
    number = create().json()["id"]

    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/deliveries"),
        ("POST", "/secret"),
        ("POST", "/test"),
    ):
        url = f"/api/webhooks/{number}{path}"
        assert client.request(method, url, headers=stranger.headers).status_code == 403
    assert client.get("/api/webhooks", headers=stranger.headers).json() == []
    assert client.get("/api/webhooks").status_code == 401


def test_only_administrators_make_one_for_all_projects(client, auth, admin):
    body = {"url": "http://127.0.0.1:1/"}

    assert client.post("/api/webhooks", json=body, headers=auth).status_code == 403
    made = client.post("/api/webhooks", json=body, headers=admin.headers)
    assert (made.status_code, made.json()["project"]) == (201, None)


def test_a_test_message_and_what_came_of_it(client, auth, app, create, receiver):
    number = create(receiver.url).json()["id"]

    asked = client.post(f"/api/webhooks/{number}/test", headers=auth)
    assert asked.status_code == 202
    assert delivery.deliver_next(app, number)

    [told] = client.get(f"/api/webhooks/{number}/deliveries", headers=auth).json()
    assert (told["state"], told["status_code"]) == ("delivered", 200)
    query = f"before={told['id']}&limit=5"
    path = f"/api/webhooks/{number}/deliveries?{query}"
    assert client.get(path, headers=auth).json() == []


def test_a_new_secret_is_shown_once(client, auth, create):
    made = create().json()

    path = f"/api/webhooks/{made['id']}/secret"
    rotated = client.post(path, headers=auth).json()["secret"]

    assert rotated.startswith("whsec_")
    assert rotated != made["secret"]


def test_the_actions_are_listed(client, auth):
    found = client.get("/api/webhooks/info/", headers=auth).json()

    assert set(found) == {
        "RUN_STARTED", "RUN_FINISHED", "RUN_FAILED", "TASKS_CREATED", "TASKS_DELETED",
        "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED", "PROJECT_CREATED", "PROJECT_UPDATED", "PROJECT_DELETED",
    }  # fmt: skip

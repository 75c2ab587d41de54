"""/api/events: who may notify, handshakes, and bodies that are no notifications."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeldock.contract import Purpose
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from tests.core.events.test_envelopes import FORMS, GRID, S3


@pytest.fixture
def storage(put_object, connect):
    put_object("a.jpg")
    return connect()


@pytest.fixture
def inlet(client, auth, storage):
    """The address of the storage's notifications, with its token."""
    made = client.post(f"/api/events/{storage.id}/token", headers=auth)
    assert made.status_code == 201
    return made.json()


@pytest.fixture
def send(client, storage, inlet):
    def send(document, **headers):
        body = document if isinstance(document, bytes) else json.dumps(document)
        path = f"/api/events/{storage.id}?token={inlet['token']}"
        return client.post(path, content=body, headers=headers)

    return send


def test_a_notification_becomes_tasks(client, auth, app, storage, send, put_object):
    put_object("b.jpg")

    answer = send({"keys": ["b.jpg"]})

    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "ignored": 0})
    path = f"/api/storages/memory/{storage.id}"
    shown = client.get(path, headers=auth).json()
    assert shown["status"] == "queued"
    run = run_until_done(app, int(shown["last_sync_job"]), owner="test")
    assert (run.trigger, run.counts["created"]) == ("event", 1)


def test_files_of_a_folder_are_told_of_too(client, auth, app, owner, project, folder):
    (folder / "a.png").write_bytes(b"x")
    values = {"path": str(folder), "use_blob_urls": True, "recursive_scan": True}
    draft = StorageDraft(project.id, Purpose.IMPORT, "local", values)
    storage = storages.add_storage(app, owner.principal, draft)
    path = f"/api/events/{storage.id}"
    token = client.post(f"{path}/token", headers=auth).json()["token"]
    (folder / "sub").mkdir()
    (folder / "sub" / "b.png").write_bytes(b"x")

    body = {"keys": ["a.png", "gone.png", "../etc/passwd", "sub/b.png"]}
    assert client.post(f"{path}?token={token}", json=body).json()["accepted"] == 4
    run_id = int(
        client.get(f"/api/storages/local/{storage.id}", headers=auth).json()[
            "last_sync_job"
        ]
    )
    run = run_until_done(app, run_id, owner="test")

    assert (run.state, run.counts["created"]) == ("completed_with_errors", 2)
    errors = client.get(f"/api/runs/{run_id}/errors", headers=auth).json()
    assert [error["key"] for error in errors] == ["../etc/passwd"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_taken_whatever_its_content_type(send, form):
    text = {"Content-Type": "text/plain; charset=UTF-8"}

    answer = send(FORMS[form], **text)

    assert answer.json() == {"accepted": 0, "ignored": 1}  # of another bucket


def test_the_token_may_come_in_a_header(client, storage, inlet):
    path = f"/api/events/{storage.id}/"
    bearer = {"Authorization": f"Bearer {inlet['token']}"}

    assert client.post(path, json={"keys": []}, headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "how", ["none", "wrong", "of a user", "unknown storage", "off"]
)
def test_without_the_token_nothing_is_read(client, auth, storage, inlet, owner, how):
    token, number = inlet["token"], storage.id
    if how == "off":
        path = f"/api/events/{storage.id}/token"
        assert client.delete(path, headers=auth).status_code == 204
    token = {"none": "", "wrong": token[:-1], "of a user": owner.token}.get(how, token)
    number = 10**18 if how == "unknown storage" else number

    answer = client.post(f"/api/events/{number}?token={token}", content=b"x" * 100)

    assert answer.status_code == 401
    assert answer.json()["detail"] == "This is not a token of this storage."


def test_a_new_token_ends_the_old_one(client, auth, storage, inlet):
    path = f"/api/events/{storage.id}"
    fresh = client.post(f"{path}/token", headers=auth).json()["token"]

    old = client.post(f"{path}?token={inlet['token']}", json={"keys": []})
    new = client.post(f"{path}?token={fresh}", json={"keys": []})

    assert (old.status_code, new.status_code) == (401, 200)


def test_who_does_not_manage_the_project_gets_no_token(client, stranger, storage):
    path = f"/api/events/{storage.id}/token"

    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, path, headers=stranger.headers)
        assert answer.status_code == 403
        assert client.request(method, path).status_code == 401


def test_the_state_is_shown_without_the_token(client, auth, storage, inlet, send):
    send({"keys": ["a.jpg", "b.jpg"]})

    shown = client.get(f"/api/events/{storage.id}/token", headers=auth)

    assert shown.json()["is_open"] is True
    assert shown.json()["waiting"] == 2
    assert shown.json()["last_event_at"] is not None
    assert inlet["token"] not in shown.text


def test_export_storages_take_no_notifications(client, auth, connect):
    storage = connect(Purpose.EXPORT)

    answer = client.post(f"/api/events/{storage.id}/token", headers=auth)

    assert answer.status_code == 400


def test_event_grid_gets_its_code_back(send):
    event = {
        **GRID[0],
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "abc", "validationUrl": "https://x.example"},
    }

    answer = send([event])

    assert answer.json() == {"validationResponse": "abc"}


def test_the_handshake_of_cloud_events(client, storage, inlet):
    path = f"/api/events/{storage.id}?token={inlet['token']}"
    origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}

    answer = client.options(path, headers=origin)
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert client.options(path).status_code == 400
    assert client.options(path[:-3], headers=origin).status_code == 401


def test_a_topic_waits_for_a_person(client, auth, storage, send):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2"

    assert send({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).is_success
    path = f"/api/events/{storage.id}/token"
    assert client.get(path, headers=auth).json()["confirm_url"] == url

    send(S3 | {"Records": [{"s3": {"object": {"key": "a.jpg"}}}]})
    assert client.get(path, headers=auth).json()["confirm_url"] is None


def test_a_foreign_address_of_a_confirmation_is_refused(client, auth, storage, send):
    body = {
        "Type": "SubscriptionConfirmation",
        "SubscribeURL": "http://169.254.169.254",
    }

    assert send(body).status_code == 400
    shown = client.get(f"/api/events/{storage.id}/token", headers=auth).json()
    assert shown["confirm_url"] is None


def test_bodies_that_are_too_large_are_refused(send, app):
    limit = app.settings.events_max_bytes

    assert send(b" " * (limit + 1)).status_code == 413
    assert send({"keys": ["a"] * 6000}).status_code == 413


def test_a_full_inbox_is_told_so_that_the_sender_comes_again(send, monkeypatch):
    from labeldock.services.events import inbox

    monkeypatch.setattr(inbox, "MAX_WAITING", 0)
    send({"keys": ["a"]})
    answer = send({"keys": ["b"]})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[[[]]]", b"\xff", b"{}" * 2, b'{"keys": {}}',
        b"[" * 200_000, b'{"Records": "x"}', b'{"Type": "Notification"}',
        b'{"message": {"data": "e30="}}', b'{"eventType": {}, "subject": []}',
    ],
)  # fmt: skip
def test_hostile_bodies_are_refused_with_a_reason(send, body):
    answer = send(body)

    assert answer.status_code == 400
    assert "no notification" in answer.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=30), max_size=5), st.binary(max_size=60))
def test_any_key_and_any_body_is_answered(send, keys, body):
    encodable = [key for key in keys if key.encode("utf-8", "ignore").decode() == key]

    assert send({"keys": encodable}).status_code == 200
    assert send(body).status_code in {200, 400}

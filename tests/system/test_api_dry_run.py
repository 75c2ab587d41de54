"""A sync that only says what it would do; and what tasks tell of their objects."""

from __future__ import annotations

import pytest

from labeldock.services.working import run_until_done


@pytest.fixture
def storage(put_object, connect):
    for name in ("a.jpg", "b.jpg"):
        put_object(name)
    return connect()


@pytest.mark.parametrize("place", ["params", "json"])
def test_a_dry_run_is_answered_with_its_run(client, auth, app, storage, place):
    path = f"/api/storages/memory/{storage.id}"

    answer = client.post(f"{path}/sync", headers=auth, **{place: {"dry_run": "true"}})
    run = answer.json()
    run_until_done(app, run["id"], owner="test")
    shown = client.get(f"/api/runs/{run['id']}", headers=auth).json()

    assert (run["kind"], run["state"], run["storage"]) == (
        "dry_run", "queued", storage.id,
    )  # fmt: skip
    assert (shown["state"], shown["counts"]["new"]) == ("completed", 2)
    assert client.get(path, headers=auth).json()["status"] == "initialized"
    assert client.get("/api/tasks/?project=1", headers=auth).json()["tasks"] == []


def test_its_objects_are_listed_page_by_page(client, auth, app, storage):
    path = f"/api/storages/memory/{storage.id}/sync"
    run = client.post(path, headers=auth, json={"dry_run": True}).json()
    run_until_done(app, run["id"], owner="test")
    objects = f"/api/runs/{run['id']}/objects"

    first = client.get(objects, params={"limit": 1}, headers=auth).json()
    query = {"after": first[0]["id"], "category": "new"}
    rest = client.get(objects, params=query, headers=auth).json()

    assert [(o["category"], o["key"]) for o in first + rest] == [
        ("new", "a.jpg"), ("new", "b.jpg"),
    ]  # fmt: skip
    bad = client.get(objects, params={"category": "old"}, headers=auth)
    assert (bad.status_code, "new, changed" in bad.text) == (400, True)


def test_a_task_shows_whether_its_object_is_there_and_as_it_was(
    client, auth, sync, storage
):
    sync(storage)

    task = client.get("/api/tasks/?project=1", headers=auth).json()["tasks"][0]

    assert (task["object_exists"], task["object_changed"]) == (True, False)


def test_the_policy_for_changes_is_shown_and_changed(client, auth, storage):
    path = f"/api/storages/memory/{storage.id}"

    before = client.get(path, headers=auth).json()["on_change"]
    after = client.patch(path, headers=auth, json={"on_change": "flag"}).json()
    bad = client.patch(path, headers=auth, json={"on_change": "guess"})

    assert (before, after["on_change"], bad.status_code) == ("report", "flag", 400)
    assert "on_change" in bad.json()["validation_errors"]

"""/api/runs: what is being done, what went wrong, and how to stop or repeat it."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.db.tables import ImportLink
from labeldock.services import storages


@pytest.fixture
def queued(app, owner, put_object, connect):
    """A run that nobody works on yet."""
    put_object("a.jpg")
    storage = connect()
    view = storages.sync_storage(app, owner.principal, storage.id, storage.purpose)
    return view.run


@pytest.fixture
def failed(put_object, connect, sync):
    """A run with a few objects that could not be imported."""
    for number in range(3):
        put_object(f"{number}.json", b"{")
    return sync(connect(use_blob_urls=False))


@pytest.mark.parametrize("place", ["params", "json"])
def test_a_sync_may_be_told_to_read_files_again_that_failed(
    client, auth, app, failed, place
):
    path = f"/api/storages/memory/{failed.storage_id}/sync"

    answers = []
    for switch in ({}, {place: {"retry_failed": "true"}}):
        answers.append(client.post(path, headers=auth, **switch).status_code)
        with app.database.read() as session:
            links = session.exec(select(ImportLink.state)).all()
        answers.append(links)

    assert answers == [200, ["failed"] * 3, 200, []]


def test_the_runs_of_a_project_are_listed_newest_first(
    client, auth, project, put_object, connect, sync
):
    put_object("a.jpg")
    storage = connect()
    made = [sync(storage).id for _ in range(2)]

    listed = client.get(f"/api/runs/?project={project.id}", headers=auth).json()

    assert [run["id"] for run in listed] == made[::-1]
    assert listed[0]["storage"] == storage.id
    assert listed[0]["project"] == project.id
    assert listed[0]["counts"]["existed"] == 1


def test_runs_are_listed_by_storage_and_up_to_a_number(client, auth, project, queued):
    query = {"project": project.id, "storage": queued.storage_id, "limit": 1}
    other = {**query, "storage": queued.storage_id + 1}

    assert len(client.get("/api/runs", params=query, headers=auth).json()) == 1
    assert client.get("/api/runs", params=other, headers=auth).json() == []


def test_a_list_of_runs_needs_a_project(client, auth):
    answer = client.get("/api/runs", headers=auth)

    assert answer.status_code == 400
    assert "is required" in answer.text


def test_a_run_is_read(client, auth, queued):
    read = client.get(f"/api/runs/{queued.id}/", headers=auth).json()

    assert (read["state"], read["kind"], read["trigger"]) == (
        "queued",
        "import",
        "manual",
    )


def test_errors_are_listed_object_by_object(client, auth, failed):
    path = f"/api/runs/{failed.id}/errors"
    first = client.get(path, params={"limit": 2}, headers=auth).json()

    rest = client.get(path, params={"after": first[-1]["id"]}, headers=auth).json()

    assert [e["key"] for e in first + rest] == ["0.json", "1.json", "2.json"]
    assert "Broken JSON" in first[0]["message"]
    assert first[0]["remedy"]


def test_a_run_is_cancelled_once(client, auth, queued, owner):
    path = f"/api/runs/{queued.id}/cancel/"
    cancelled = client.post(path, headers=auth)
    again = client.post(path, headers=auth)

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert again.status_code == 409
    storage = client.get(f"/api/storages/memory/{queued.storage_id}", headers=auth)
    assert storage.json()["status"] == "failed"
    assert storage.json()["traceback"] == f"cancelled by {owner.email}"


def test_a_cancelled_run_is_taken_up_again(client, auth, queued):
    early = client.post(f"/api/runs/{queued.id}/retry", headers=auth)
    client.post(f"/api/runs/{queued.id}/cancel", headers=auth)

    answer = client.post(f"/api/runs/{queued.id}/retry", headers=auth)

    assert early.status_code == 409
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")


def test_a_storage_is_not_removed_while_it_is_synced(client, auth, app, queued):
    from labeldock.services import leases

    leases.claim_run(app, "test", queued.id)

    answer = client.delete(f"/api/storages/memory/{queued.storage_id}", headers=auth)

    assert answer.status_code == 409
    assert f"labeldock run cancel {queued.id}" in answer.json()["detail"]


def test_a_run_that_is_not_there_is_404(client, auth):
    assert client.get("/api/runs/99", headers=auth).status_code == 404


def test_the_runs_of_a_storage_are_paged(client, auth, put_object, connect, sync):
    put_object("a.jpg")
    storage = connect()
    made = [sync(storage).id for _ in range(3)][::-1]
    path = f"/api/storages/memory/{storage.id}/runs"

    first = client.get(f"{path}?limit=2", headers=auth).json()
    rest = client.get(f"{path}?before={first[-1]['id']}", headers=auth).json()

    assert [run["id"] for run in [*first, *rest]] == made


def test_all_errors_are_downloaded_as_a_file(client, auth, failed, monkeypatch):
    from labeldock.web.api import error_files

    monkeypatch.setattr(error_files, "_PAGE", 2)
    path = f"/api/runs/{failed.id}/errors"

    table = client.get(f"{path}?format=csv", headers=auth)
    lines = client.get(f"{path}?format=jsonl", headers=auth)

    assert "attachment" in table.headers["content-disposition"]
    assert table.text.splitlines()[0] == "key,row,code,message,remedy"
    assert len(table.text.splitlines()) == 4
    assert [line.split('"')[3] for line in lines.text.splitlines()] == [
        "0.json", "1.json", "2.json",
    ]  # fmt: skip
    assert client.get(f"{path}?format=xml", headers=auth).status_code == 400


def test_a_key_that_looks_like_a_formula_is_no_formula(
    client, auth, put_object, connect, sync
):
    put_object("=cmd|' /C calc'!A0.json", b"{")
    run = sync(connect(use_blob_urls=False))

    table = client.get(f"/api/runs/{run.id}/errors?format=csv", headers=auth).text

    assert table.splitlines()[1].startswith("'=cmd")


def test_strangers_download_nothing(client, stranger, failed):
    path = f"/api/runs/{failed.id}/errors?format=csv"

    assert client.get(path, headers=stranger.headers).status_code == 403


def test_what_is_known_of_the_objects_is_listed(
    client, auth, stranger, put_object, connect, sync
):
    put_object("bad.json", b"{")
    put_object("three.jsonl", b'{"n": 1}\n{"n": 2}\n{"n": 3}\n')
    storage = connect(use_blob_urls=False)
    sync(storage)
    path = f"/api/storages/memory/{storage.id}/objects"

    found = client.get(path, headers=auth).json()

    assert [(o["key"], o["state"], o["n_tasks_linked"]) for o in found] == [
        ("bad.json", "failed", 0),
        ("three.jsonl", "linked", 3),
    ]
    assert found[1]["size"] == 27
    assert found[1]["object_exists"] is True
    assert found[0]["problem"]["message"]
    one = client.get(f"{path}?key=three.jsonl", headers=auth).json()
    after = client.get(f"{path}?after=bad.json&limit=5", headers=auth).json()
    assert one == after == found[1:]
    assert client.get(path, headers=stranger.headers).status_code == 403


def test_a_storage_tells_how_many_objects_failed(client, auth, failed):
    path = f"/api/storages/memory/{failed.storage_id}"

    shown = client.get(path, headers=auth).json()

    assert shown["status"] == "completed_with_errors"
    assert shown["meta"]["tasks_failed_validation"] == 3

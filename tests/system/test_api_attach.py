"""Storages come and go: their tasks stay, and another place may take over."""

from __future__ import annotations

import base64

import pytest

from labeldock.contract import ALWAYS, Purpose
from labeldock.services import storages
from labeldock.services.working import run_until_done

OTHER = "copy"
TEXT = "The storage of this media is not connected."


@pytest.fixture
def labelled(put_object, connect, sync):
    """A synced storage with three objects below a folder."""
    for name in ("gull.jpg", "tern.jpg", 'odd "name"\n.jpg'):
        put_object(f"old/{name}", name.encode() * 10)
    storage = connect(prefix="old", presign=False)
    sync(storage)
    return storage


@pytest.fixture
def copy(memory, put_object, labelled, connect):
    """The same objects in another bucket, below another folder."""
    memory.create_bucket(OTHER)
    for name in ("gull.jpg", "tern.jpg", 'odd "name"\n.jpg'):
        put_object(f"new/at/{name}", name.encode() * 10, bucket=OTHER)
    return lambda **values: connect(
        **{"bucket": OTHER, "prefix": "new/at", "presign": False} | values
    )


def read_tasks(client, auth, project):
    url = f"/api/tasks?project={project.id}&page_size=100&resolve_uri=false"
    tasks = client.get(url, headers=auth).json()["tasks"]
    for task in tasks:  # what only a storage can tell
        del task["object_exists"], task["object_changed"]
    return tasks


def fetch(client, auth, task):
    uri = base64.urlsafe_b64encode(next(iter(task["data"].values())).encode()).decode()
    url = f"/tasks/{task['id']}/resolve/?fileuri={uri}"
    return client.get(url, headers=auth)


def remove(app, owner, storage):
    storages.remove_storage(app, owner.principal, storage.id, Purpose.IMPORT)


def read_meta(client, auth, project):
    return client.get(f"/api/projects/{project.id}/data/meta", headers=auth).json()


def patch_meta(client, auth, project, **body):
    url = f"/api/projects/{project.id}/data/meta"
    return client.patch(url, json=body, headers=auth)


def test_removing_a_storage_leaves_its_tasks_readable_and_their_media_wait(
    app, client, auth, owner, project, labelled
):
    before = read_tasks(client, auth, project)

    remove(app, owner, labelled)

    assert read_tasks(client, auth, project) == before
    answers = [fetch(client, auth, task) for task in before]
    assert {answer.status_code for answer in answers} == {409}
    assert all(answer.json()["detail"].startswith(TEXT) for answer in answers)
    assert len({answer.json()["detail"] for answer in answers}) == 1
    meta = read_meta(client, auth, project)
    assert (meta["storage"], meta["cloud_storage_id"]) == ("cloud_storage", None)
    (slot,) = meta["slots"]
    assert (slot["state"], slot["tasks"]) == ("detached", 3)


def test_what_removing_a_storage_would_detach_is_told_before(
    client, auth, labelled, stranger
):
    url = f"/api/storages/{labelled.id}/removal"

    told = client.get(url, headers=auth).json()

    assert (told["tasks"], told["annotations"]) == (3, 0)
    assert "Media of 3 tasks" in told["warning"]
    assert told["slots"] == ["memory://media/old/"]
    assert client.get(url, headers=stranger.headers).status_code in {403, 404}


def test_another_bucket_and_prefix_take_the_place_of_a_removed_storage(
    app, client, auth, owner, project, labelled, copy, sync
):
    tasks = read_tasks(client, auth, project)
    contents = [fetch(client, auth, task).content for task in tasks]
    remove(app, owner, labelled)
    storage = copy()

    answer = patch_meta(
        client, auth, project, cloud_storage_id=storage.id, verify="sample"
    )

    assert answer.status_code == 200, answer.json()
    change = answer.json()["change"]
    assert (change["linked"], change["left"]) == (3, 0)
    assert change["check"]["counts"]["found"] == 3
    (slot,) = [s for s in answer.json()["slots"] if s["id"]]
    assert (slot["state"], slot["mapped_prefix"]) == ("connected", "new/at/")
    assert [fetch(client, auth, task).content for task in tasks] == contents
    again = read_tasks(client, auth, project)
    assert [task["data"] for task in again] == [task["data"] for task in tasks]
    counts = sync(storage).counts
    assert (counts["new"], counts["changed"], counts["existed"]) == (0, 0, 3)


def test_a_sync_of_the_attached_storage_notices_what_changed_afterwards(
    app, client, auth, owner, project, labelled, copy, sync, put_object
):
    remove(app, owner, labelled)
    storage = copy()
    patch_meta(client, auth, project, cloud_storage_id=storage.id)
    put_object("new/at/gull.jpg", b"another size", bucket=OTHER)
    first = sync(storage).counts
    put_object("new/at/tern.jpg", b"TERN.JPG" * 10, bucket=OTHER)

    second = sync(storage).counts

    assert (first["changed"], first["existed"]) == (1, 3)
    assert second["changed"] == 2  # one of the same size, since its ETag is known now


def test_the_same_bucket_connected_again_takes_its_tasks_back(
    app, client, auth, owner, project, labelled, connect, sync
):
    tasks = read_tasks(client, auth, project)
    remove(app, owner, labelled)
    again = connect(prefix="old", presign=False)

    assert fetch(client, auth, tasks[0]).status_code == 200  # it answers by itself
    answer = patch_meta(client, auth, project, cloud_storage_id=again.id)

    assert answer.json()["change"]["linked"] == 3
    assert sync(again).counts["new"] == 0
    assert len(read_tasks(client, auth, project)) == 3


def test_replacing_a_storage_moves_its_links_and_touches_the_project(
    app, client, auth, owner, project, labelled, copy, sync
):
    tasks = read_tasks(client, auth, project)
    url = f"/api/projects/{project.id}"
    touched = client.get(url, headers=auth).json()["updated_at"]
    storage = copy()

    answer = patch_meta(client, auth, project, cloud_storage_id=storage.id)

    assert answer.json()["change"]["replaced_storage_id"] == labelled.id
    assert client.get(url, headers=auth).json()["updated_at"] > touched
    assert [task["storage_filename"] for task in read_tasks(client, auth, project)] == [
        task["storage_filename"].replace("old/", "new/at/") for task in tasks
    ]
    assert sync(storage).counts["new"] == 0
    former = storages.find_storage(app, owner.principal, labelled.id)
    assert not former.fields["synchronizable"]


def test_detaching_gives_the_references_back(
    app, client, auth, owner, project, labelled, copy
):
    tasks = read_tasks(client, auth, project)
    remove(app, owner, labelled)
    storage = copy()
    patch_meta(client, auth, project, cloud_storage_id=storage.id)

    answer = patch_meta(client, auth, project, cloud_storage_id=None)

    assert answer.status_code == 200, answer.json()
    (slot,) = [s for s in answer.json()["slots"] if s["id"]]
    assert (slot["state"], slot["tasks"]) == ("detached", 3)
    assert {fetch(client, auth, task).status_code for task in tasks} == {409}
    assert read_tasks(client, auth, project) == tasks
    refused = patch_meta(client, auth, project, cloud_storage_id=None)
    assert refused.status_code == 400


def test_a_storage_that_stands_for_itself_is_not_detached(
    client, auth, project, labelled
):
    assert patch_meta(client, auth, project, cloud_storage_id=None).status_code == 400
    assert labelled.id == read_meta(client, auth, project)["cloud_storage_id"]


def test_a_storage_that_cannot_serve_is_refused(
    app, client, auth, owner, stranger, project, labelled, copy, memory
):
    storage = copy()
    foreign = client.patch(
        f"/api/projects/{project.id}/data/meta",
        json={"cloud_storage_id": storage.id},
        headers=stranger.headers,
    )
    missing = patch_meta(client, auth, project, cloud_storage_id=9999)
    nothing = patch_meta(client, auth, project)
    odd = patch_meta(client, auth, project, cloud_storage_id="many")
    outside = patch_meta(
        client, auth, project, cloud_storage_id=storage.id, prefix="elsewhere/"
    )
    del memory._buckets[OTHER]
    gone = patch_meta(client, auth, project, cloud_storage_id=storage.id)

    assert foreign.status_code in {403, 404}
    assert {a.status_code for a in (missing, nothing, odd, outside, gone)} == {400}
    assert "not available" in str(gone.json()["validation_errors"])
    assert read_meta(client, auth, project)["slots"][0]["cloud_storage_id"] == (
        labelled.id
    )


def test_a_bucket_without_any_of_the_objects_is_refused_where_one_looks(
    app, client, auth, owner, project, labelled, memory, connect, put_object
):
    remove(app, owner, labelled)
    memory.create_bucket("other")
    put_object("something", b"else", bucket="other")
    storage = connect(bucket="other")

    answer = patch_meta(
        client, auth, project, cloud_storage_id=storage.id, verify="sample"
    )

    assert answer.status_code == 400
    assert "None of 3" in str(answer.json()["validation_errors"])
    assert read_meta(client, auth, project)["slots"][0]["state"] == "detached"


def test_all_objects_are_looked_for_by_a_run(
    app, client, auth, owner, project, labelled, copy, memory
):
    remove(app, owner, labelled)
    storage = copy()
    memory._buckets[OTHER].delete("new/at/tern.jpg", ALWAYS)

    answer = patch_meta(
        client, auth, project, cloud_storage_id=storage.id, verify="all"
    ).json()

    run = run_until_done(app, answer["change"]["check_run"], owner="test")
    assert run.state == "completed_with_errors"
    assert (run.counts["found"], run.counts["missing"]) == (2, 1)
    errors = client.get(f"/api/runs/{run.id}/errors", headers=auth).json()
    assert "new/at/tern.jpg" in str(errors)


def test_a_dry_run_only_looks(app, client, auth, owner, project, labelled, copy):
    remove(app, owner, labelled)
    storage = copy()

    answer = patch_meta(
        client,
        auth,
        project,
        cloud_storage_id=storage.id,
        verify="sample",
        dry_run=True,
    ).json()

    assert answer["change"]["check"]["counts"]["found"] == 3
    assert {slot["state"] for slot in answer["slots"] if slot["id"]} == {"detached"}


def test_tasks_made_twice_are_left_as_references(
    app, client, auth, owner, project, labelled, copy, sync
):
    remove(app, owner, labelled)
    storage = copy()
    sync(storage)  # before anybody said that these are the same objects

    answer = patch_meta(client, auth, project, cloud_storage_id=storage.id).json()

    assert (answer["change"]["linked"], answer["change"]["left"]) == (0, 3)
    tasks = read_tasks(client, auth, project)
    assert len(tasks) == 6
    assert {fetch(client, auth, task).status_code for task in tasks} == {200}


def test_a_task_tells_of_its_own_slot_and_attaches_it(
    app, client, auth, owner, project, labelled, copy
):
    task = read_tasks(client, auth, project)[0]
    remove(app, owner, labelled)
    storage = copy()
    url = f"/api/tasks/{task['id']}/data/meta"

    before = client.get(url, headers=auth).json()
    after = client.patch(
        url, json={"cloud_storage_id": storage.id}, headers=auth
    ).json()

    assert [slot["state"] for slot in before["slots"]] == ["detached"]
    assert after["cloud_storage_id"] == storage.id
    assert fetch(client, auth, task).status_code == 200


def test_nothing_is_attached_while_a_sync_is_under_way(
    app, client, auth, owner, project, labelled, copy
):
    storage = copy()
    storages.sync_storage(app, owner.principal, labelled.id, Purpose.IMPORT)

    answer = patch_meta(client, auth, project, cloud_storage_id=storage.id)

    assert answer.status_code == 409
    assert read_meta(client, auth, project)["slots"][0]["cloud_storage_id"] == (
        labelled.id
    )

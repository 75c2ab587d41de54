"""/api/projects/N/exports: a project's tasks as they were once."""

from __future__ import annotations

import csv
import io

import pytest

from labeldock.services import annotations, tasks

RESULT = [
    {
        "from_name": "kind",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]


@pytest.fixture
def path(app, owner, project):
    """Of a project with an annotated task and one without annotations."""
    made = [
        tasks.create_task(app, owner.principal, project.id, {"image": f"{n}.jpg"})
        for n in range(2)
    ]
    values = {"result": RESULT}
    annotations.create_annotation(app, owner.principal, made[0].id, values)
    return f"/api/projects/{project.id}/exports"


def test_a_snapshot_is_made_shown_listed_and_deleted(client, auth, owner, path):
    made = client.post(f"{path}/", json={"title": "Before"}, headers=auth)
    snapshot = made.json()
    one = f"{path}/{snapshot['id']}"

    assert made.status_code == 201
    assert (snapshot["title"], snapshot["status"]) == ("Before", "completed")
    assert snapshot["counters"] == {"task_number": 2}
    assert snapshot["created_by"]["email"] == owner.email
    assert client.get(one, headers=auth).json() == snapshot
    assert client.get(path, headers=auth).json() == [snapshot]
    assert client.delete(one, headers=auth).status_code == 204
    assert client.get(path, headers=auth).json() == []
    for gone in (one, f"{one}/download"):
        assert client.get(gone, headers=auth).status_code == 404


def test_a_snapshot_stays_what_it_was(app, client, auth, owner, project, path):
    number = client.post(path, headers=auth).json()["id"]
    client.delete(f"/api/projects/{project.id}/tasks/", headers=auth)

    read = client.get(f"{path}/{number}/download", headers=auth).json()

    assert [task["data"] for task in read] == [{"image": "0.jpg"}, {"image": "1.jpg"}]
    assert read[0]["annotations"][0]["result"] == RESULT
    assert read[0]["annotations"][0]["completed_by"] == owner.principal.user_id


def test_every_format_of_an_export_can_be_had_of_a_snapshot(client, auth, path):
    number = client.post(path, headers=auth).json()["id"]
    formats = client.get(f"{path[:-1]}/formats", headers=auth).json()

    for name in [each["name"] for each in formats]:
        chosen = {"exportType": name}
        whole = {**chosen, "download_all_tasks": "true"}
        url = f"{path}/{number}"
        asked = {"export_type": name}
        convert = client.post(f"{url}/convert", json=asked, headers=auth)
        kept = client.get(f"{url}/download", params=chosen, headers=auth)
        now = client.get(path[:-1], params=whole, headers=auth)

        assert convert.json()["export_type"] == name
        assert kept.headers["content-type"] == now.headers["content-type"]
        assert kept.text == now.text, name


def test_a_table_of_a_snapshot_has_a_column_for_each_control(client, auth, path):
    number = client.post(path, headers=auth).json()["id"]
    params = {"exportType": "CSV"}

    text = client.get(f"{path}/{number}/download", params=params, headers=auth).text

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["image"], row["kind"]) == ("0.jpg", "gull")


def test_only_annotated_tasks_are_kept_if_asked(client, auth, path):
    body = {"task_filter_options": {"annotated": "only"}}

    made = client.post(path, json=body, headers=auth).json()

    assert made["counters"] == {"task_number": 1}


WRONG = {
    "another choice": {"task_filter_options": {"skipped": "exclude"}},
    "a list": {"task_filter_options": []},
    "a long title": {"title": "x" * 3000},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_what_cannot_be_kept_is_refused(client, auth, path, body):
    answer = client.post(path, json=body, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == list(body)
    assert client.get(path, headers=auth).json() == []


def test_a_snapshot_is_of_its_own_project_alone(client, auth, path):
    number = client.post(path, headers=auth).json()["id"]
    other = client.post("/api/projects", json={"title": "Fish"}, headers=auth).json()

    answer = client.get(f"/api/projects/{other['id']}/exports/{number}", headers=auth)

    assert answer.status_code == 404


def test_who_has_no_business_with_a_project_gets_no_snapshots(
    client, path, auth, stranger
):
    number = client.post(path, headers=auth).json()["id"]
    foreign = {"Authorization": f"Token {stranger.token}"}

    for method, url in (
        ("GET", path),
        ("POST", path),
        ("GET", f"{path}/{number}"),
        ("DELETE", f"{path}/{number}"),
        ("GET", f"{path}/{number}/download"),
    ):
        assert client.request(method, url, headers=foreign).status_code in {403, 404}
    assert client.get(f"{path}/{number}", headers=auth).status_code == 200


def test_the_file_goes_with_its_snapshot(app, client, auth, path):
    number = client.post(path, headers=auth).json()["id"]
    folder = app.settings.home / "files" / "exports"
    assert [file.suffix for file in folder.rglob("*") if file.is_file()] == [".jsonl"]

    client.delete(f"{path}/{number}", headers=auth)

    assert [file for file in folder.rglob("*") if file.is_file()] == []

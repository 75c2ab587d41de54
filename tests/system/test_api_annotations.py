"""/api/annotations and those of a task, as clients of Label Studio know them."""

from __future__ import annotations

import pytest

RESULT = [{"from_name": "kind", "to_name": "image", "value": {"choices": ["gull"]}}]


@pytest.fixture
def path(task):
    return f"/api/tasks/{task.id}/annotations/"


def test_an_annotation_is_saved_read_changed_and_deleted(client, auth, path):
    created = client.post(path, json={"result": RESULT}, headers=auth)
    one = f"/api/annotations/{created.json()['id']}/"
    changed = client.patch(one, json={"was_cancelled": True}, headers=auth)
    read = client.get(one, headers=auth).json()
    deleted = client.delete(one, headers=auth)

    assert created.status_code == 201
    assert created.json()["was_cancelled"] is False
    assert changed.json() == read
    assert (read["result"], read["was_cancelled"]) == (RESULT, True)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(one, headers=auth).status_code == 404
    assert client.get(path, headers=auth).json() == []


KEYS = """id result created_username created_ago completed_by was_cancelled
ground_truth created_at updated_at draft_created_at lead_time import_id last_action
bulk_created task project updated_by parent_prediction parent_annotation
last_created_by"""


def test_an_annotation_has_every_key_that_clients_know(client, auth, path, owner, task):
    client.post(path, json={"result": RESULT, "lead_time": 3}, headers=auth)

    (read,) = client.get(path, headers=auth).json()

    assert set(KEYS.split()) <= set(read)
    assert (read["task"], read["project"]) == (task.id, task.project_id)
    assert read["completed_by"] == read["updated_by"] == owner.principal.user_id
    assert read["created_username"] == f"{owner.email}, {owner.principal.user_id}"
    assert read["created_ago"] == "0\N{NO-BREAK SPACE}minutes"
    assert read["lead_time"] == 3.0


def test_values_may_be_sent_as_text(client, auth, path):
    body = {"result": "[]", "was_cancelled": "true", "lead_time": "1.5"}

    answer = client.post(path, data=body, headers=auth)

    assert answer.status_code == 201
    read = answer.json()
    assert (read["result"], read["was_cancelled"], read["lead_time"]) == ([], True, 1.5)


def test_who_completed_it_is_who_sent_it(client, auth, path, owner):
    body = {"result": [], "completed_by": 1, "unique_id": "x"}

    answer = client.post(path, json=body, headers=auth)

    assert answer.json()["completed_by"] == owner.principal.user_id
    header = answer.headers["X-Labeldock-Ignored-Fields"]
    assert header == "completed_by, unique_id"


WRONG = {
    "nothing": ({}, "result"),
    "null": ({"result": None}, "result"),
    "an object": ({"result": {}}, "result"),
    "numbers": ({"result": [1]}, "result"),
    "text": ({"result": "not json"}, "result"),
    "a word": ({"result": [], "was_cancelled": "maybe"}, "was_cancelled"),
    "a number": ({"result": [], "ground_truth": 7}, "ground_truth"),
    "a time": ({"result": [], "lead_time": "soon"}, "lead_time"),
    "a list": ({"result": [], "lead_time": []}, "lead_time"),
}


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
def test_what_is_no_annotation_is_told_by_field(client, auth, path, body, field):
    answer = client.post(path, json=body, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]
    assert client.get(path, headers=auth).json() == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_task_that_is_not_there_has_no_annotations(client, auth, method):
    answer = client.request(
        method, "/api/tasks/99/annotations/", json={"result": []}, headers=auth
    )

    assert answer.status_code == 404
    assert answer.json()["detail"] == "Task 99 does not exist."

"""/api/predictions, and several annotations at once."""

from __future__ import annotations

import pytest

RESULT = [{"from_name": "kind", "to_name": "image", "value": {"choices": ["gull"]}}]
KEYS = """id result model_version created_ago score cluster neighbors mislabeling
created_at updated_at model model_run task project"""


@pytest.fixture
def create(client, auth, task):
    def post(**values):
        body = {"task": task.id, "result": RESULT, **values}
        return client.post("/api/predictions/", json=body, headers=auth)

    return post


def test_a_prediction_is_saved_listed_changed_and_deleted(client, auth, create, task):
    created = create(score=0.7, model_version="v1")
    one = f"/api/predictions/{created.json()['id']}/"
    changed = client.patch(one, json={"score": 0.9}, headers=auth)
    by_task = client.get(f"/api/predictions/?task={task.id}", headers=auth).json()
    project = f"/api/predictions/?project={task.project_id}"
    by_project = client.get(project, headers=auth).json()
    shown = client.get(f"/api/tasks/{task.id}/", headers=auth).json()
    deleted = client.delete(one, headers=auth)

    assert created.status_code == 201
    assert set(KEYS.split()) <= set(created.json())
    assert changed.json()["score"] == 0.9
    assert by_task == by_project == [changed.json()]
    assert shown["total_predictions"] == 1
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(one, headers=auth).status_code == 404
    after = client.get(f"/api/tasks/{task.id}/", headers=auth).json()
    assert after["total_predictions"] == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"task": None}, "task"),
        ({"task": "x"}, "task"),
        ({"result": "{"}, "result"),
        ({"result": {"a": 1}}, "result"),
        ({"score": "high"}, "score"),
        ({"model_version": ["v"]}, "model_version"),
    ],
)
def test_a_wrong_value_is_answered_with_its_field(create, values, field):
    answer = create(**values)

    assert answer.status_code == 400
    assert field in answer.json()["validation_errors"]


def test_who_may_not_is_told_so(client, stranger, create, task):
    one = f"/api/predictions/{create().json()['id']}"
    where = f"?task={task.id}"

    for path in (one, f"/api/predictions{where}"):
        assert client.get(path, headers=stranger.headers).status_code in {403, 404}
        assert client.get(path).status_code == 401


def test_several_annotations_are_made_and_deleted_at_once(client, auth, task):
    body = {"tasks": [task.id], "result": RESULT, "project": task.project_id}
    created = client.post("/api/annotations/bulk/", json=body, headers=auth)
    one = client.post(
        "/api/annotations/bulk", json={"task": task.id, "result": []}, headers=auth
    )
    ids = [each["id"] for each in (*created.json(), *one.json())]
    deleted = client.post(
        "/api/annotations/bulk-delete/",
        json={"ids": ids, "project": task.project_id},
        headers=auth,
    )

    assert (created.status_code, len(ids)) == (201, 2)
    assert (deleted.status_code, deleted.json()) == (200, {"deleted": 2})
    left = client.get(f"/api/tasks/{task.id}/annotations", headers=auth).json()
    assert left == []


def test_none_at_once_is_refused(client, auth):
    for path in ("/api/annotations/bulk", "/api/annotations/bulk-delete"):
        answer = client.post(path, json={"result": []}, headers=auth)
        assert answer.status_code == 400

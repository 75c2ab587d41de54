"""Drafts: what somebody has begun to say, kept for them alone."""

from __future__ import annotations

import pytest

from labeldock.db.tables import Membership
from labeldock.services import drafts
from labeldock.services.annotations import create_annotation

RESULT = [{"type": "choices", "value": {"choices": ["gull"]}}]


@pytest.fixture
def colleague(app, project, stranger):
    """Somebody else who may annotate in the project."""
    with app.database.write() as session:
        who = stranger.principal.user_id
        session.add(Membership(project_id=project.id, user_id=who, role="annotator"))
    return stranger


@pytest.fixture
def begin(client, auth, task):
    def post(path=f"/api/tasks/{task.id}/drafts", headers=auth, **values):
        return client.post(path, json=values, headers=headers)

    return post


def test_a_draft_is_kept_changed_listed_and_removed(client, auth, task, begin):
    made = begin(result=RESULT, lead_time=2.5)

    assert made.status_code == 201
    body = made.json()
    assert (body["result"], body["lead_time"], body["task"]) == (RESULT, 2.5, task.id)
    assert (body["annotation"], body["user"]) == (None, "owner@example.org")
    path = f"/api/drafts/{body['id']}/"
    changed = client.patch(path, json={"was_postponed": True}, headers=auth).json()
    assert (changed["was_postponed"], changed["result"]) == (True, RESULT)
    assert client.get(f"/api/tasks/{task.id}/drafts", headers=auth).json() == [changed]
    shown = client.get(f"/api/tasks/{task.id}", headers=auth).json()
    assert (shown["drafts"], shown["draft_exists"]) == ([changed], True)
    assert shown["total_annotations"] == 0
    assert client.delete(path, headers=auth).status_code == 204
    assert client.get(path, headers=auth).status_code == 404


def test_a_draft_is_seen_by_nobody_else(client, admin, task, colleague, begin):
    draft = begin(result=RESULT).json()

    for other in (colleague, admin):
        for method in ("GET", "PATCH", "DELETE"):
            path = f"/api/drafts/{draft['id']}"
            answer = client.request(method, path, json={}, headers=other.headers)
            assert answer.status_code == 404
        path = f"/api/tasks/{task.id}"
        shown = client.get(path, headers=other.headers).json()
        assert (shown["drafts"], shown["draft_exists"]) == ([], False)
        assert client.get(f"{path}/drafts", headers=other.headers).json() == []


def test_saving_removes_the_drafts_that_led_to_it(
    app, client, auth, owner, task, colleague, begin
):
    theirs = begin(headers=colleague.headers, result=RESULT)
    begin(result=RESULT)
    first = create_annotation(app, owner.principal, task.id, {"result": RESULT})
    path = f"/api/annotations/{first.id}"
    change = begin(f"{path}/drafts", result=[])
    again = begin(f"/api/tasks/{task.id}{path.removeprefix('/api')}/drafts", result=[])
    another = begin(result=[])

    listed = client.get(f"{path}/drafts", headers=auth).json()
    assert [d["id"] for d in listed] == [change.json()["id"], again.json()["id"]]
    client.patch(path, json={"lead_time": 1}, headers=auth)

    left = drafts.list_drafts(app, owner.principal, task_id=task.id)
    assert [draft.id for draft in left] == [another.json()["id"]]
    left = drafts.list_drafts(app, colleague.principal, task_id=task.id)
    assert [draft.id for draft in left] == [theirs.json()["id"]]


def test_drafts_go_with_their_task_and_their_annotation(
    app, client, auth, owner, task, begin
):
    annotation = create_annotation(app, owner.principal, task.id, {"result": []})
    change = begin(f"/api/annotations/{annotation.id}/drafts").json()["id"]
    draft = begin().json()["id"]

    client.delete(f"/api/annotations/{annotation.id}", headers=auth)
    assert client.get(f"/api/drafts/{change}", headers=auth).status_code == 404
    client.delete(f"/api/tasks/{task.id}", headers=auth)
    assert client.get(f"/api/drafts/{draft}", headers=auth).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"), [("result", "x"), ("result", [1]), ("lead_time", "soon")]
)
def test_what_is_no_draft_is_refused_by_field(begin, field, value):
    answer = begin(**{field: value})

    assert answer.status_code == 400
    assert field in answer.json()["validation_errors"]


def test_a_task_has_a_bounded_number_of_drafts(app, owner, task, begin):
    for _ in range(drafts.MOST_OF_A_TASK):
        drafts.create_draft(app, owner.principal, {}, task_id=task.id)

    answer = begin()

    assert answer.status_code == 400
    assert "100 drafts" in answer.text


def test_an_annotation_of_another_task_has_no_drafts_here(app, owner, task, begin):
    annotation = create_annotation(app, owner.principal, task.id, {"result": []})

    answer = begin(f"/api/tasks/{task.id + 1}/annotations/{annotation.id}/drafts")

    assert answer.status_code == 404

"""/api/dm/views: saved views of tasks; and what clients ask about a project beside."""

from __future__ import annotations

import json

import pytest

from labeldock.services import annotations, tasks

OLDEST_TWO = {
    "title": "The first two",
    "filters": {
        "conjunction": "and",
        "items": [
            {
                "filter": "filter:tasks:inner_id",
                "operator": "less_or_equal",
                "type": "Number",
                "value": 2,
            }
        ],
    },
    "ordering": ["-tasks:id"],
}


@pytest.fixture
def ids(app, owner, project):
    """Three tasks."""
    return [
        tasks.create_task(app, owner.principal, project.id, {"image": f"{n}.jpg"}).id
        for n in range(3)
    ]


@pytest.fixture
def view(client, auth, project):
    body = {"project": project.id, "data": OLDEST_TWO}
    return client.post("/api/dm/views/", json=body, headers=auth).json()


def test_a_view_is_saved_read_changed_and_deleted(client, auth, project, owner, view):
    path = f"/api/dm/views/{view['id']}"
    changed = client.patch(f"{path}/", json={"data": {"title": "New"}}, headers=auth)

    assert (view["project"], view["user"]) == (project.id, owner.principal.user_id)
    assert view["data"] == OLDEST_TWO
    assert changed.json()["data"] == {**OLDEST_TWO, "title": "New"}
    listed = client.get(f"/api/dm/views?project={project.id}", headers=auth).json()
    assert listed == [changed.json()] == [client.get(path, headers=auth).json()]
    assert client.delete(path, headers=auth).status_code == 204
    assert client.get(path, headers=auth).status_code == 404


def test_a_view_shows_its_tasks_in_its_order(client, auth, ids, view):
    listed = client.get("/api/tasks", params={"view": view["id"]}, headers=auth).json()

    assert [task["id"] for task in listed["tasks"]] == [ids[1], ids[0]]
    assert listed["total"] == 2


def test_a_query_goes_before_the_view(client, auth, ids, view):
    query = {"selectedItems": {"all": False, "included": [ids[2]]}}
    params = {"view": view["id"], "query": json.dumps(query)}

    listed = client.get("/api/tasks", params=params, headers=auth).json()

    assert [task["id"] for task in listed["tasks"]] == [ids[2]]


def test_a_view_of_another_project_shows_nothing(client, auth, view):
    other = client.post("/api/projects", json={"title": "Fish"}, headers=auth).json()
    params = {"view": view["id"], "project": other["id"]}

    assert client.get("/api/tasks", params=params, headers=auth).status_code == 404


WRONG = {
    "a filter that is not there": {"filters": {"items": [{"filter": "x"}]}},
    "filters that are none": {"filters": 7},
    "too much": {"title": "x" * 200_000},
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_a_view_that_could_not_be_shown_is_refused(client, auth, project, data):
    body = {"project": project.id, "data": data}

    answer = client.post("/api/dm/views", json=body, headers=auth)

    assert answer.status_code == 400


def test_all_views_of_a_project_are_removed(client, auth, project, view):
    path = f"/api/dm/views/reset/?project={project.id}"

    assert client.delete(path, headers=auth).status_code == 204
    assert client.get(f"/api/dm/views/{view['id']}", headers=auth).status_code == 404


def test_views_are_for_those_who_see_the_project(client, view, stranger):
    foreign = {"Authorization": f"Token {stranger.token}"}
    path = f"/api/dm/views/{view['id']}"

    for method in ("GET", "PATCH", "DELETE"):
        answer = client.request(method, path, headers=foreign)
        assert answer.status_code in {403, 404}


def test_annotators_are_those_who_annotated(app, client, auth, owner, project, ids):
    path = f"/api/projects/{project.id}/annotators/"
    before = client.get(path, headers=auth).json()
    annotations.create_annotation(app, owner.principal, ids[0], {"result": []})

    (found,) = client.get(path, headers=auth).json()

    assert before == []
    assert (found["id"], found["email"]) == (owner.principal.user_id, owner.email)


def test_a_project_has_no_files_and_no_models_unless_there_are_some(
    client, auth, project
):
    files = f"/api/projects/{project.id}/file-uploads"

    assert client.get(files, headers=auth).json() == []
    assert client.request("DELETE", files, json={}, headers=auth).json() == {
        "deleted": 0
    }
    assert client.get(f"/api/ml/?project={project.id}", headers=auth).json() == []
    for method, path in (
        ("GET", "/api/import/file-upload/1"),
        ("DELETE", "/api/import/file-upload/1"),
        ("GET", "/api/ml/1"),
        ("GET", "/api/ml/?project=99"),
    ):
        answer = client.request(method, path, headers=auth)
        assert answer.status_code == 404
        assert answer.json()["status_code"] == 404


def test_uploaded_files_are_listed_and_removed(client, auth, project):
    sent = [("file", (name, b"\x89PNG")) for name in ("a.png", "b.png")]
    path = f"/api/projects/{project.id}"
    made = client.post(f"{path}/import", files=sent, headers=auth).json()

    first, second = client.get(f"{path}/file-uploads", headers=auth).json()
    one = f"/api/import/file-upload/{first['id']}"
    read = client.get(one, headers=auth).json()
    removed = client.delete(one, headers=auth).status_code
    body = {"file_upload_ids": [second["id"]]}
    rest = client.request("DELETE", f"{path}/file-uploads", json=body, headers=auth)

    assert [first["id"], second["id"]] == made["file_upload_ids"]
    assert read == first
    assert first["file"].startswith(f"upload/{project.id}/")
    assert client.get(f"/data/{second['file']}", headers=auth).status_code == 404
    assert (removed, rest.json()) == (204, {"deleted": 1})
    assert client.get(f"{path}/file-uploads", headers=auth).json() == []


def test_a_label_config_is_checked_before_there_is_a_project(client, auth):
    good, bad = "<View></View>", '<View><Choices name="c" toName="i"/></View>'

    path = "/api/projects/validate/"
    fine = client.post(path, json={"label_config": good}, headers=auth)
    broken = client.post(path, json={"label_config": bad}, headers=auth)

    assert (fine.status_code, fine.content) == (204, b"")
    assert broken.status_code == 400

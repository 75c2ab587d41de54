"""/api/tasks, as clients of Label Studio know it."""

from __future__ import annotations

import json

import pytest

from labeldock.services import tasks
from labeldock.services.annotations import create_annotation


@pytest.fixture
def listing(client, auth, project):
    def get(**query):
        return client.get(
            "/api/tasks/", params={"project": project.id, **query}, headers=auth
        )

    return get


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_task_is_created_read_changed_and_deleted(client, auth, project, slash):
    body = {"project": project.id, "data": {"text": "a"}}
    created = client.post(f"/api/tasks{slash}", json=body, headers=auth)
    path = f"/api/tasks/{created.json()['id']}{slash}"
    changed = client.patch(
        path, json={"data": {"text": "b"}, "meta": {"n": 1}}, headers=auth
    )
    deleted = client.delete(path, headers=auth)

    assert created.status_code == 201
    assert created.json()["data"] == {"text": "a"}
    assert (changed.json()["data"], changed.json()["meta"]) == ({"text": "b"}, {"n": 1})
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(path, headers=auth).status_code == 404


KEYS = """id predictions annotations drafts annotators inner_id cancelled_annotations
total_annotations total_predictions completed_at annotations_results
predictions_results predictions_score file_upload storage_filename annotations_ids
predictions_model_versions avg_lead_time draft_exists updated_by data meta created_at
updated_at is_labeled overlap comment_count unresolved_comment_count
last_comment_updated_at project comment_authors"""


def test_a_task_has_every_key_that_clients_know(client, auth, task, listing):
    read = client.get(f"/api/tasks/{task.id}/", headers=auth).json()

    assert set(KEYS.split()) <= set(read)
    assert listing().json()["tasks"] == [read]


def test_a_task_shows_who_annotated_it(app, client, auth, owner, task, listing):
    values = {"result": [{"type": "choices"}], "lead_time": 2.5}
    saved = create_annotation(app, owner.principal, task.id, values)

    read = client.get(f"/api/tasks/{task.id}/", headers=auth).json()

    assert read["annotations"][0]["completed_by"]["email"] == owner.email
    assert read["annotations"][0]["result"] == [{"type": "choices"}]
    assert read["annotators"] == [owner.principal.user_id]
    assert read["annotations_ids"] == str(saved.id)
    assert (read["is_labeled"], read["avg_lead_time"]) == (True, 2.5)
    listed = listing().json()["tasks"][0]["annotations"][0]
    assert listed["completed_by"] == owner.principal.user_id


@pytest.fixture
def imported(put_object, connect, sync):
    put_object("sea/gull 1.jpg")
    sync(connect(prefix="sea"))


def test_media_is_shown_by_an_address_that_a_browser_can_open(imported, listing):
    (read,) = listing().json()["tasks"]

    assert list(read["data"]) == ["image"]
    assert read["data"]["image"].startswith(f"/tasks/{read['id']}/resolve/?fileuri=")
    assert read["storage_filename"] == "sea/gull 1.jpg"


@pytest.mark.parametrize("word", ["false", "0", "False"])
def test_media_is_shown_as_it_is_stored_if_so_asked(imported, listing, word):
    (read,) = listing(resolve_uri=word).json()["tasks"]

    assert read["data"] == {"image": "memory://media/sea/gull 1.jpg"}


def test_a_single_task_is_resolved_too(client, auth, imported, listing):
    (listed,) = listing().json()["tasks"]

    read = client.get(f"/api/tasks/{listed['id']}", headers=auth).json()

    assert read["data"] == listed["data"]


def test_a_page_of_tasks_comes_with_the_totals(app, owner, project, listing):
    for number in range(5):
        tasks.create_task(app, owner.principal, project.id, {"text": str(number)})

    page = listing(page=2, page_size=2).json()

    assert [t["data"]["text"] for t in page["tasks"]] == ["2", "3"]
    assert page["total"] == 5
    assert page["total_annotations"] == page["total_predictions"] == 0


def test_past_the_end_is_404_which_ends_the_loop_of_a_client(listing, task):
    answer = listing(page=2)

    assert answer.status_code == 404
    assert answer.json()["detail"] == "Invalid page."


def test_a_list_without_project_and_view_is_404(client, auth):
    answer = client.get("/api/tasks/", headers=auth)

    assert answer.status_code == 404
    assert answer.json()["detail"] == "Neither project nor view id specified"


def test_a_view_is_not_there(listing):
    assert listing(view=3).status_code == 404


@pytest.mark.parametrize("project_id", ["x", "1.0", "-1", "9" * 25])
def test_a_project_that_is_no_number_is_400(listing, project_id):
    answer = listing(project=project_id)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["project"]


PLAIN = (
    {},
    {"filters": {"conjunction": "and", "items": []}, "ordering": []},
    {"selectedItems": {"all": True, "excluded": []}},
)


@pytest.mark.parametrize("query", PLAIN)
def test_a_query_that_narrows_nothing_is_fine(listing, task, query):
    answer = listing(query=json.dumps(query), fields="all")

    assert len(answer.json()["tasks"]) == 1


NARROW = (
    '{"filters": {"conjunction": "and", "items": [{"filter": "x"}]}}',
    '{"selectedItems": {"all": false, "included": ["x"]}}',
    '{"ordering": ["-tasks:data.image"]}',
    '{"ordering": ',
    "[]",
)


@pytest.mark.parametrize("query", NARROW)
def test_a_filter_is_refused_rather_than_ignored(listing, task, query):
    answer = listing(query=query)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["query"]


def test_a_task_is_taken_as_a_form_with_json_in_it(client, auth, project):
    body = {"project": str(project.id), "data": '{"text": "a"}'}

    answer = client.post("/api/tasks", data=body, headers=auth)

    assert answer.json()["data"] == {"text": "a"}


WRONG = {
    "no project": ({"data": {"a": 1}, "project": None}, "project"),
    "another project": ({"data": {"a": 1}, "project": 99}, "project"),
    "a list of projects": ({"data": {"a": 1}, "project": [1]}, "project"),
    "no data": ({}, "data"),
    "empty data": ({"data": {}}, "data"),
    "a number": ({"data": 7}, "data"),
    "text": ({"data": "s3://bucket/key"}, "data"),
}


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
def test_what_is_no_task_is_told_by_field(client, auth, project, body, field):
    answer = client.post(
        "/api/tasks", json={"project": project.id, **body}, headers=auth
    )

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]


def test_a_project_that_does_not_exist_is_named(client, auth):
    body = {"project": 777, "data": {"text": "a"}}

    answer = client.post("/api/tasks", json=body, headers=auth)

    assert answer.json()["validation_errors"] == {
        "project": ['Invalid pk "777" - object does not exist.']
    }

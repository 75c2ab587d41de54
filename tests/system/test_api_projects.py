"""/api/projects, as clients of Label Studio know it."""

from __future__ import annotations

import pytest

from labeldock.services import projects, tasks


@pytest.fixture
def some_projects(app, owner):
    return [
        projects.create_project(app, owner.principal, {"title": f"Project {number}"})
        for number in range(5)
    ]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_project_is_created_read_changed_and_deleted(client, auth, slash):
    created = client.post(
        f"/api/projects{slash}", json={"title": "Birds"}, headers=auth
    )
    path = f"/api/projects/{created.json()['id']}{slash}"
    changed = client.patch(path, json={"description": "On the coast"}, headers=auth)
    read = client.get(path, headers=auth).json()
    deleted = client.delete(path, headers=auth)

    assert created.status_code == 201
    assert changed.json() == read
    assert (read["title"], read["description"]) == ("Birds", "On the coast")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(path, headers=auth).status_code == 404


KEYS = """id title description label_config expert_instruction show_instruction
show_skip_button enable_empty_annotation show_annotation_history organization color
maximum_annotations is_published model_version is_draft created_by created_at
min_annotations_to_start_training start_training_on_annotation_update
show_collab_predictions num_tasks_with_annotations task_number useful_annotation_number
ground_truth_number skipped_annotations_number total_annotations_number
total_predictions_number sampling show_ground_truth_first annotator_evaluation_enabled
show_overlap_first overlap_cohort_percentage task_data_login task_data_password
control_weights parsed_label_config evaluate_predictions_automatically
config_has_control_tags skip_queue reveal_preannotations_interactively pinned_at
finished_task_number queue_total queue_done config_suitable_for_bulk_annotation
state"""


def test_a_project_has_every_key_that_clients_know(client, auth, project, owner):
    read = client.get(f"/api/projects/{project.id}", headers=auth).json()

    assert set(KEYS.split()) <= set(read)
    assert read["created_by"] == {
        "id": owner.principal.user_id,
        "first_name": "",
        "last_name": "",
        "email": owner.email,
        "avatar": None,
        "initials": owner.email[:2],
    }


def test_times_are_in_utc_with_microseconds(client, auth, project):
    read = client.get(f"/api/projects/{project.id}", headers=auth).json()

    assert len(read["created_at"]) == len("2026-11-21T01:04:14.113144Z")
    assert read["created_at"].endswith("Z")


def test_projects_are_listed_newest_first(client, auth, some_projects):
    page = client.get("/api/projects/", headers=auth).json()

    titles = [project["title"] for project in page["results"]]
    assert titles == [f"Project {number}" for number in (4, 3, 2, 1, 0)]
    assert (page["count"], page["next"], page["previous"]) == (5, None, None)


def test_a_client_walks_the_pages_until_it_meets_404(client, auth, some_projects):
    query, titles = {"page": 1, "page_size": 2}, []
    while True:
        answer = client.get("/api/projects", params=query, headers=auth)
        if answer.status_code == 404:
            break
        titles += [project["title"] for project in answer.json()["results"]]
        query["page"] += 1

    assert len(titles) == 5
    assert answer.json()["detail"] == "Invalid page."


def test_a_page_names_its_neighbours(client, auth, some_projects):
    page = client.get("/api/projects?page=2&page_size=2", headers=auth).json()

    assert page["next"] == "http://testserver/api/projects?page_size=2&page=3"
    assert page["previous"].endswith("?page_size=2&page=1")


def test_the_first_page_of_nothing_is_empty(client, auth):
    assert client.get("/api/projects?page=1", headers=auth).json()["results"] == []


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "9" * 30, "²"])
def test_a_page_that_cannot_be_is_404(client, auth, page):
    answer = client.get("/api/projects", params={"page": page}, headers=auth)

    assert answer.status_code == 404


@pytest.mark.parametrize("size", ["x", "0", "-1", "1e2"])
def test_a_page_size_that_cannot_be_is_400(client, auth, size):
    answer = client.get("/api/projects", params={"page_size": size}, headers=auth)

    assert answer.status_code == 400
    assert "page_size" in answer.json()["validation_errors"]


def test_who_asks_for_more_than_may_be_gets_what_may_be(client, auth, some_projects):
    query = {"page_size": 10_000_000}  # as clients ask that want everything

    answer = client.get("/api/projects", params=query, headers=auth)

    assert len(answer.json()["results"]) == len(some_projects)


def test_fields_that_cannot_be_set_are_named(client, auth):
    body = {"title": "Birds", "organization": 7, "task_number": 7, "naïve\r\n": 1}

    answer = client.post("/api/projects", json=body, headers=auth)

    assert answer.status_code == 201
    assert answer.json()["task_number"] == 0
    assert answer.headers["X-Labeldock-Ignored-Fields"] == (
        "organization, task_number, na%C3%AFve%0D%0A"
    )


FORMS = {"form": {"data": {}}, "multipart": {"files": {"_": (None, "")}}}


@pytest.mark.parametrize("kind", FORMS.values(), ids=FORMS)
def test_a_project_can_be_sent_as_a_form(client, auth, kind):
    body = {"title": "Birds", "maximum_annotations": "3"}

    answer = client.post("/api/projects", **{**kind, "data": body}, headers=auth)

    assert answer.status_code == 201
    assert answer.json()["maximum_annotations"] == 3


WRONG = {
    "a number": ({"title": 7}, "title"),
    "short": ({"title": "ab"}, "title"),
    "long": ({"title": "x" * 51}, "title"),
    "a word": ({"maximum_annotations": "two"}, "maximum_annotations"),
    "truth": ({"maximum_annotations": True}, "maximum_annotations"),
    "zero": ({"maximum_annotations": 0}, "maximum_annotations"),
    "a list": ({"label_config": []}, "label_config"),
    "broken": ({"label_config": "<View>"}, "label_config"),
}


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_told_by_field(client, auth, body, field):
    answer = client.post("/api/projects", json=body, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]


def test_null_stands_for_a_text_that_is_left_out(client, auth):
    body = {"title": "Birds", "description": None}

    answer = client.post("/api/projects", json=body, headers=auth)

    assert answer.json()["description"] == ""


def test_all_tasks_of_a_project_are_deleted(app, client, auth, owner, project):
    for number in range(3):
        tasks.create_task(app, owner.principal, project.id, {"text": str(number)})

    answer = client.delete(f"/api/projects/{project.id}/tasks/", headers=auth)

    assert answer.status_code == 204
    listed = client.get("/api/tasks", params={"project": project.id}, headers=auth)
    assert listed.json()["tasks"] == []


@pytest.mark.parametrize("number", [99, 2**63, 10**30])
def test_a_project_that_is_not_there_is_404(client, auth, number):
    answer = client.get(f"/api/projects/{number}", headers=auth)

    assert answer.status_code == 404


def test_the_service_says_that_it_is_up_and_who_asks(client, auth, owner):
    caller = client.get("/api/current-user/whoami", headers=auth).json()

    assert client.get("/health").json() == {"status": "UP"}
    assert client.head("/health").status_code == 200
    assert caller["id"] == owner.principal.user_id
    assert caller["username"] == caller["email"] == owner.email


@pytest.mark.parametrize("path", ["/api/version", "/api/version/"])
def test_the_version_has_the_keys_that_clients_look_for(client, path):
    version = client.get(path).json()

    assert isinstance(version["release"], str)
    assert {"label-studio-os-package", "label-studio-os-backend", "edition"} <= set(
        version
    )


CONFIGS = {
    "view": '<View><Text name="t" value="$text"/></View>',
    "control": '<View><Image name="i" value="$i"/><Choices name="c" toName="i"/></View>',  # noqa: E501
    "two": '<View><A name="a"/><B name="b"/><Pairwise name="p" toName="a,b"/></View>',
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_label_config_is_checked(client, auth, project, config):
    path = f"/api/projects/{project.id}/validate/"

    answer = client.post(path, json={"label_config": config}, headers=auth)

    assert answer.status_code == 200
    assert answer.json()["label_config"] == config


BROKEN = {
    "open": "<View>",
    "missing": '<View><Choices name="c" toName="i"/></View>',
    "empty": "",
    "nothing": None,
    "number": 7,
    "text": "View",
    "entities": '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>',
    "long": "<View>" + " " * 2**20 + "</View>",
}


@pytest.mark.parametrize("config", BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_with_a_label_config_is_told(client, auth, project, config):
    path = f"/api/projects/{project.id}/validate"

    answer = client.post(path, json={"label_config": config}, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["label_config"]


INTERFACE = {
    "expert_instruction": "Look <b>twice</b>",
    "show_instruction": True,
    "color": "#00FF00",
    "sampling": "Uniform sampling",
    "skip_queue": "IGNORE_SKIPPED",
    "overlap_cohort_percentage": 50,
    "control_weights": {"kind": {"overall": 0.5}},
}


def test_settings_for_pages_are_kept_as_they_were_sent(client, auth):
    body = {"title": "Birds", **INTERFACE}
    created = client.post("/api/projects", json=body, headers=auth)
    path = f"/api/projects/{created.json()['id']}"
    client.patch(path, json={"color": "#FF0000", "sampling": None}, headers=auth)
    read = client.get(path, headers=auth).json()

    assert {name: created.json()[name] for name in INTERFACE} == INTERFACE
    assert "X-Labeldock-Ignored-Fields" not in created.headers
    changed = {**INTERFACE, "color": "#FF0000"}
    assert {name: read[name] for name in INTERFACE} == changed
    assert read["show_skip_button"] is True


ODD = {
    "color": "x" * 17,
    "sampling": "by dice",
    "show_instruction": "maybe",
    "overlap_cohort_percentage": 101,
    "control_weights": [1],
    "min_annotations_to_start_training": 2**31,
    "expert_instruction": {"a": 1},
}


@pytest.mark.parametrize(("name", "value"), ODD.items(), ids=ODD)
def test_a_setting_for_pages_that_cannot_be_is_told(client, auth, project, name, value):
    path = f"/api/projects/{project.id}"

    answer = client.patch(path, json={name: value}, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [name]


def test_projects_are_counted(client, auth, project, task):
    page = client.get("/api/projects/counts/", headers=auth).json()

    (counted,) = page["results"]
    assert (counted["id"], counted["task_number"], page["count"]) == (project.id, 1, 1)
    assert "title" not in counted

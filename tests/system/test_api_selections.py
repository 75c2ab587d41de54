"""/api/dm, the `query` of a list of tasks, and filters of projects."""

from __future__ import annotations

import json

import pytest

from labeldock.db.accounts import OrganizationMember
from labeldock.services import projects, tasks
from labeldock.services.annotations import create_annotation


@pytest.fixture
def numbers(app, owner, project):
    """Four tasks, of which the second is annotated."""
    made = [
        tasks.create_task(app, owner.principal, project.id, {"n": number})
        for number in range(4)
    ]
    create_annotation(app, owner.principal, made[1].id, {"result": []})
    return [task.id for task in made]


@pytest.fixture
def ask(client, auth, project):
    def get(**query):
        where = {"project": project.id, "query": json.dumps(query)}
        return client.get("/api/tasks", params=where, headers=auth)

    return get


@pytest.fixture
def delete(client, auth, project):
    def post(body, action="delete_tasks", headers=auth):
        where = {"project": project.id, "id": action}
        return client.post("/api/dm/actions/", params=where, json=body, headers=headers)

    return post


def build_filters(*items, conjunction="and"):
    return {"filters": {"conjunction": conjunction, "items": list(items)}}


def is_completed(*, empty):
    return {
        "filter": "filter:tasks:completed_at",
        "operator": "empty",
        "type": "Datetime",
        "value": empty,
    }


def compare(column, name, value):
    return {
        "filter": f"filter:tasks:{column}",
        "operator": name,
        "type": "Number",
        "value": value,
    }


def pick(numbers, *places):
    return [numbers[place] for place in places]


def read_ids(answer):
    return [task["id"] for task in answer.json()["tasks"]]


QUERIES = {
    "finished": (build_filters(is_completed(empty=False)), (1,)),
    "open": (build_filters(is_completed(empty="True")), (0, 2, 3)),
    "number": (build_filters(compare("inner_id", "greater", 2)), (2, 3)),
    "both": (
        build_filters(compare("inner_id", "less", 4), is_completed(empty=True)),
        (0, 2),
    ),
    "annotated": (build_filters(compare("total_annotations", "equal", 1)), (1,)),
    "backwards": ({"ordering": ["-tasks:id"]}, (3, 2, 1, 0)),
    "finished first": ({"ordering": ["-tasks:completed_at"]}, (1, 0, 2, 3)),
}


@pytest.mark.parametrize(("query", "places"), QUERIES.values(), ids=QUERIES)
def test_tasks_are_selected_and_counted(ask, numbers, query, places):
    answer = ask(**query)

    assert read_ids(answer) == pick(numbers, *places)
    assert answer.json()["total"] == len(places)
    assert answer.json()["total_annotations"] == int(1 in places)


def test_tasks_are_selected_by_number(ask, numbers):
    included = {"all": False, "included": [numbers[2], numbers[0], 10**9]}
    excluded = {"all": True, "excluded": [numbers[2]]}

    assert read_ids(ask(selectedItems=included)) == pick(numbers, 0, 2)
    assert read_ids(ask(selectedItems=excluded)) == pick(numbers, 0, 1, 3)


REFUSED = {
    "column": build_filters(compare("data.text", "equal", 1)),
    "operator": build_filters(compare("id", "regex", 1)),
    "value": build_filters(compare("id", "equal", "x")),
    "any": build_filters(
        compare("id", "equal", 1), compare("id", "equal", 2), conjunction="or"
    ),
    "time": build_filters({**is_completed(empty=True), "operator": "less"}),
    "item": build_filters("x"),
    "unknown": {"search": "x"},
    "list": {"ordering": "tasks:id"},
    "injected": {"ordering": ["tasks:id; DROP TABLE task"]},
    "dunder": {"ordering": ["tasks:__class__"]},
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused(ask, numbers, query):
    answer = ask(**query)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["query"]


def test_tasks_are_deleted_by_number(app, owner, project, delete, ask, numbers):
    chosen = {"all": False, "included": [*pick(numbers, 0, 1), 10**9]}

    answer = delete({"selectedItems": chosen, "project": project.id})

    assert answer.json()["processed_items"] == 2
    assert read_ids(ask()) == pick(numbers, 2, 3)
    counted = projects.get_project(app, owner.principal, project.id)
    assert (counted.task_number, counted.total_annotations_number) == (2, 0)


def test_all_but_some_tasks_are_deleted(delete, ask, numbers):
    delete({"selectedItems": {"all": True, "excluded": [numbers[3]]}})

    assert read_ids(ask()) == pick(numbers, 3)


VAGUE = ({}, {"selectedItems": {}}, {"selectedItems": []}, {"selectedItems": "all"})


@pytest.mark.parametrize("body", VAGUE)
def test_a_deletion_has_to_say_of_what(delete, ask, numbers, body):
    assert delete(body).status_code == 400
    assert read_ids(ask()) == numbers


def test_tasks_are_deleted_by_filter(delete, ask, numbers):
    filters = build_filters(is_completed(empty=True))

    answer = delete({"selectedItems": {"all": True}, **filters})

    assert answer.json()["processed_items"] == 3
    assert read_ids(ask()) == pick(numbers, 1)


def test_what_is_not_understood_deletes_nothing(delete, ask, numbers):
    filters = build_filters(compare("data.text", "equal", 1))
    everything = {"selectedItems": {"all": True}}

    assert delete({**everything, **filters}).status_code == 400
    for action in ("retrieve_tasks_predictions", "remove_duplicates", "", None):
        assert delete(everything, action=action).status_code == 400
    assert read_ids(ask()) == numbers


WRONG = ({"annotator": "x"}, {"model_version": {}}, {"model_version": [1]})


@pytest.mark.parametrize("values", WRONG)
def test_what_an_action_asks_for_is_checked(delete, numbers, values):
    body = {"selectedItems": {"all": True}, **values}

    answer = delete(body, action="predictions_to_annotations")

    assert answer.status_code == 400
    assert answer.json()["validation_errors"].keys() == values.keys()


def test_tasks_of_other_projects_are_not_deleted(app, owner, delete, numbers, stranger):
    other = projects.create_project(app, owner.principal, {"title": "Other"})
    task = tasks.create_task(app, owner.principal, other.id, {"n": 1})
    chosen = {"selectedItems": {"all": False, "included": [task.id]}}

    assert delete(chosen).json()["processed_items"] == 0
    assert delete(chosen, headers=stranger.headers).status_code == 403
    assert tasks.get_task(app, owner.principal, task.id)


def test_there_are_no_views_at_first(client, auth, project):
    query = {"project": project.id}

    assert client.get("/api/dm/views/", params=query, headers=auth).json() == []


def test_actions_and_their_forms_are_shown_to_members_alone(
    client, auth, project, stranger
):
    query = {"project": project.id}
    for path, status in (
        ("/api/dm/actions", 200),
        ("/api/dm/actions/delete_tasks/form", 200),
        ("/api/dm/actions/nothing/form", 404),
    ):
        assert client.get(path, params=query, headers=auth).status_code == status
        told = client.get(path, params=query, headers=stranger.headers)
        assert told.status_code in {403, 404}


@pytest.fixture
def list_titles(app, client, auth, owner):
    for title in ("Gulls", "Crows", "100% gulls"):
        projects.create_project(app, owner.principal, {"title": title})

    def get(**query):
        answer = client.get("/api/projects/", params=query, headers=auth)
        return [project["title"] for project in answer.json()["results"]]

    return get


def test_projects_are_found_by_their_titles(list_titles):
    assert list_titles(title="gull") == ["100% gulls", "Gulls"]
    assert list_titles(title="100%") == ["100% gulls"]
    assert list_titles(search="crow") == ["Crows"]
    assert list_titles(ordering="title") == ["100% gulls", "Crows", "Gulls"]


def test_projects_are_found_by_number(client, auth, list_titles, app, owner):
    found, _ = projects.list_projects(app, owner.principal)
    ids = f"{found[0].id},{found[2].id}"

    assert list_titles(ids=ids) == ["100% gulls", "Gulls"]
    for query in ({"ids": "x"}, {"ordering": "password_hash"}):
        answer = client.get("/api/projects/", params=query, headers=auth)
        assert answer.status_code == 400


def test_users_are_shown_to_those_who_work_with_them(
    app, client, auth, project, owner, admin, stranger
):
    def emails(headers):
        listed = client.get("/api/users/", headers=headers).json()
        return [user["username"] for user in listed]

    everybody = [admin.email, owner.email, stranger.email]
    assert emails(auth) == everybody  # all are of one organisation
    with app.database.write() as session:
        membership = (1, stranger.principal.user_id)
        session.delete(session.get_one(OrganizationMember, membership))

    assert emails(auth) == [admin.email, owner.email]
    assert emails(stranger.headers) == [stranger.email]
    assert emails(admin.headers) == everybody
    path = f"/api/users/{stranger.principal.user_id}"
    assert client.get(path, headers=auth).status_code == 404
    read = client.get(path, headers=admin.headers).json()
    assert read["email"] == stranger.email
    assert "password_hash" not in read

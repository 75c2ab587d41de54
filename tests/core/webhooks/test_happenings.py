"""What webhooks are told of annotations, of tasks that go, and of projects."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract.errors import InvalidInput
from labeldock.db.messages import WebhookDelivery
from labeldock.services import annotations, projects, tasks
from labeldock.services.deleting import delete_all_tasks
from labeldock.services.webhooks import registry
from tests.core.webhooks.conftest import send_all

RESULT = [{"type": "choices", "value": {"choices": ["gull"]}}]


@pytest.fixture
def two_tasks(place):
    """Two tasks; nobody was told of them."""
    return [
        tasks.create_task(place.app, place.owner, place.project, {"n": number}).id
        for number in range(2)
    ]


def test_a_life_of_annotations_is_told_in_its_order(place, two_tasks, hook, receiver):
    hook()
    app, owner, first = place.app, place.owner, two_tasks[0]
    made = annotations.create_annotation(app, owner, first, {"result": RESULT})
    send_all(app)
    annotations.update_annotation(app, owner, made.id, {"lead_time": 2})
    many = annotations.create_annotations(app, owner, two_tasks, {"result": []})
    send_all(app)
    ids = [annotation.id for annotation in many]
    annotations.delete_annotations(app, owner, ids)
    annotations.delete_annotation(app, owner, made.id)
    send_all(app)

    assert receiver.actions == [
        "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED",
        "ANNOTATIONS_DELETED", "ANNOTATIONS_DELETED",
    ]  # fmt: skip
    created, updated, several, gone, last = receiver.documents
    assert created["annotation"]["result"] == RESULT
    assert created["annotation"]["completed_by"] == owner.user_id
    assert (created["task"]["id"], created["task"]["data"]) == (first, {"n": 0})
    assert created["project"] == {"id": place.project, "title": "Birds"}
    assert updated["annotation"]["lead_time"] == 2
    assert [each["id"] for each in several["annotation"]] == ids
    assert [each["id"] for each in several["task"]] == two_tasks
    assert gone["annotations"] == [{"id": each} for each in ids]
    assert last["annotations"] == [{"id": made.id}]


def test_of_what_is_gone_when_it_is_told_the_number_is_left(
    place, two_tasks, hook, receiver
):
    hook(actions=["ANNOTATION_CREATED"])
    made = annotations.create_annotation(
        place.app, place.owner, two_tasks[0], {"result": RESULT}
    )
    tasks.delete_task(place.app, place.owner, two_tasks[0])
    send_all(place.app)

    (told,) = receiver.documents
    assert told["annotation"] == {"id": made.id}
    assert told["task"] == {"id": two_tasks[0]}


def test_tasks_that_are_deleted_are_told_of_by_their_numbers(
    place, two_tasks, hook, receiver
):
    hook(actions=["TASKS_DELETED"])
    tasks.delete_task(place.app, place.owner, two_tasks[0])
    delete_all_tasks(place.app, place.owner, place.project)
    send_all(place.app)

    gone = [document["tasks"] for document in receiver.documents]
    assert gone == [[{"id": two_tasks[0]}], [{"id": two_tasks[1]}]]


def test_projects_are_told_of_to_the_webhooks_of_all(place, people, receiver):
    app, admin = place.app, people.admin
    registry.add_webhook(app, admin, None, {"url": receiver.url})
    project = projects.create_project(app, admin, {"title": "Owls"})
    send_all(app)
    projects.update_project(app, admin, project.id, {"title": "Eagle owls"})
    send_all(app)
    projects.delete_project(app, admin, project.id)
    send_all(app)

    assert receiver.actions == ["PROJECT_CREATED", "PROJECT_UPDATED", "PROJECT_DELETED"]
    created, updated, deleted = (each["project"] for each in receiver.documents)
    assert (created["id"], created["title"]) == (project.id, "Owls")
    assert updated["title"] == "Eagle owls"
    assert updated["label_config"] == project.label_config
    assert deleted == {"id": project.id, "title": None}


def test_what_was_not_saved_is_not_told_of(place, two_tasks, hook):
    hook()
    with pytest.raises(InvalidInput):
        annotations.create_annotation(place.app, place.owner, two_tasks[0], {})

    with place.app.database.read() as session:
        assert session.exec(select(WebhookDelivery)).all() == []

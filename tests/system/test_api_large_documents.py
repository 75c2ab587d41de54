"""Documents beyond what the quick JSON library knows: long integers, deep nesting."""

from __future__ import annotations

import json

import pytest

from labeldock.services import tasks

LONG = 2**70 + 1


def build_nested(levels):
    nested = 1
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize("value", [LONG, -LONG, build_nested(300)], ids=["+", "-", "["])
def test_a_task_with_such_data_is_shown_alone_and_in_a_list(
    app, client, auth, owner, project, value
):
    made = tasks.create_task(app, owner.principal, project.id, {"value": value})

    alone = client.get(f"/api/tasks/{made.id}/", headers=auth)
    listed = client.get(f"/api/tasks/?project={project.id}", headers=auth)

    assert alone.status_code == listed.status_code == 200
    assert json.loads(alone.content)["data"] == {"value": value}
    assert [task["id"] for task in json.loads(listed.content)["tasks"]] == [made.id]


def test_a_long_integer_keeps_every_digit_on_its_way_in(client, auth, project):
    text = f'{{"project": {project.id}, "data": {{"value": {LONG}}}}}'
    headers = {**auth, "Content-Type": "application/json"}

    made = client.post("/api/tasks/", content=text, headers=headers)

    assert made.status_code == 201
    assert json.loads(made.content)["data"] == {"value": LONG}


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("POST", "/api/tasks/", '{"project": N, "data": {"a": 1}}'),
        ("POST", "/api/annotations/bulk/", '{"tasks": [N], "result": []}'),
        ("POST", "/api/annotations/bulk-delete/", '{"ids": [N]}'),
        ("PATCH", "/api/projects/1/", '{"maximum_annotations": N}'),
        ("POST", "/api/storages/localfiles/", '{"project": 1, "presign_ttl": N}'),
    ],
)
def test_a_long_integer_where_a_number_belongs_is_refused(
    client, auth, project, method, path, text
):
    path, text = path.replace("1", str(project.id)), text.replace("N", str(LONG))
    headers = {**auth, "Content-Type": "application/json"}

    answer = client.request(method, path, content=text, headers=headers)

    assert answer.status_code in {400, 404}, answer.text

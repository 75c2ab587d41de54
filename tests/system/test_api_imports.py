"""/api/projects/N/import: tasks in the body of a request."""

from __future__ import annotations

import gzip

import pytest

from labeldock.services import projects

RESULT = [{"type": "choices", "value": {"choices": ["gull"]}}]


@pytest.fixture
def send(client, auth, project):
    def post(body=None, path="/import", **more):
        where = f"/api/projects/{project.id}{path}"
        if body is not None:
            more["json"] = body
        return client.post(where, headers={**auth, **more.pop("extra", {})}, **more)

    return post


@pytest.fixture
def listing(client, auth, project):
    def get():
        query = {"project": project.id}
        answer = client.get("/api/tasks", params=query, headers=auth).json()
        return answer["tasks"]

    return get


@pytest.mark.parametrize("path", ["/import", "/import/"])
def test_a_list_becomes_tasks_in_its_order(send, listing, path):
    answer = send([{"text": "a"}, {"data": {"text": "b"}, "meta": {"n": 1}}], path)

    assert answer.status_code == 201
    said = answer.json()
    assert (said["task_count"], said["annotation_count"]) == (2, 0)
    assert (said["data_columns"], said["found_formats"]) == (["text"], [])
    assert "task_ids" not in said
    assert [task["data"]["text"] for task in listing()] == ["a", "b"]
    assert [task["inner_id"] for task in listing()] == [1, 2]
    assert listing()[1]["meta"] == {"n": 1}


def test_the_numbers_of_the_tasks_are_told_if_so_asked(send, listing):
    answer = send([{"text": "a"}, {"text": "b"}], params={"return_task_ids": "1"})

    assert answer.json()["task_ids"] == [task["id"] for task in listing()]


def test_one_object_is_one_task(send, listing):
    send({"text": "alone"})

    assert [task["data"] for task in listing()] == [{"text": "alone"}]


def test_annotations_and_predictions_come_along_and_are_counted(
    app, owner, project, send, listing
):
    answer = send([
        {
            "data": {"text": "a"},
            "annotations": [{"result": RESULT}, {"result": [], "was_cancelled": True}],
            "predictions": [{"result": RESULT, "score": 0.5}],
        },
        {"data": {"text": "b"}},
    ])  # fmt: skip

    said = answer.json()
    assert (said["annotation_count"], said["prediction_count"]) == (2, 1)
    first = listing()[0]
    assert (first["total_annotations"], first["cancelled_annotations"]) == (1, 1)
    assert (first["total_predictions"], first["is_labeled"]) == (1, True)
    author = owner.principal.user_id
    assert {a["completed_by"] for a in first["annotations"]} == {author}
    counted = projects.get_project(app, owner.principal, project.id)
    assert (counted.task_number, counted.finished_task_number) == (2, 1)
    assert counted.total_annotations_number == 1
    assert counted.total_predictions_number == 1


FILES = {
    "JSON": ("tasks.json", b'[{"text": "a"}, {"text": "b"}]'),
    "lines": ("tasks.jsonl", b'{"text": "a"}\n{"text": "b"}\n'),
    "CSV": ("tasks.csv", b"text\na\nb\n"),
    "TSV": ("tasks.tsv", b"text\na\nb\n"),
    "gzip": ("tasks.json.gz", gzip.compress(b'[{"text": "a"}, {"text": "b"}]')),
}


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_files_become_tasks(send, listing, name, content):
    answer = send(files={"file": (name, content)})

    assert answer.status_code == 201
    assert [task["data"]["text"] for task in listing()] == ["a", "b"]
    assert sum(answer.json()["found_formats"].values()) == 1


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/csv", b"text\na\nb\n"),
        ("text/tab-separated-values", b"text\na\nb\n"),
        ("application/x-ndjson", b'{"text": "a"}\n{"text": "b"}'),
    ],
)
def test_a_body_may_be_a_file_itself(send, listing, kind, content):
    answer = send(content=content, extra={"Content-Type": kind})

    assert answer.status_code == 201
    assert [task["data"]["text"] for task in listing()] == ["a", "b"]


def test_fields_become_predictions_if_so_asked(send, listing):
    tasks = [{"text": "a", "said": RESULT}]

    answer = send(tasks, params={"preannotated_from_fields": "said"})

    assert answer.json()["prediction_count"] == 1
    assert listing()[0]["predictions"][0]["result"] == RESULT


def test_media_urls_that_were_read_become_uris_again(
    client, auth, send, listing, put_object, connect, sync
):
    put_object("sea/gull.jpg")
    sync(connect())
    shown = listing()[0]["data"]
    raw = {"resolve_uri": "false"}

    answer = send([shown], params={"return_task_ids": "1"})

    (number,) = answer.json()["task_ids"]
    read = client.get(f"/api/tasks/{number}", params=raw, headers=auth).json()
    assert read["data"] == {"image": "memory://media/sea/gull.jpg"}


WRONG = {
    "nothing": {"json": []},
    "a number": {"json": 7},
    "a row": {"json": [{"text": "a"}, 7]},
    "a result": {"json": [{"data": {"a": 1}, "annotations": [{"result": "x"}]}]},
    "deep": {"content": b'[{"a":' + b"[" * 5000 + b"]" * 5000 + b"}]"},
    "broken": {"content": b'[{"a": '},
    "empty": {"content": b""},
    "encoding": {"content": b'[{"a": "\xff"}]'},
    "kind": {"files": {"file": ("birds.xyz", b"\xff\xd8")}},
    "no file": {"files": {"file": (None, b"text")}},
    "later": {"json": [7], "params": {"commit_to_project": "false"}},
    "field": {"json": [{"a": 1}], "params": {"preannotated_from_fields": "b"}},
    "zip bomb": {"files": {"f": ("a.json.gz", gzip.compress(b" " * 2**26))}},
}


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG)
def test_what_is_no_task_is_refused_as_a_whole(send, listing, request_):
    answer = send(**request_)

    assert answer.status_code == 400
    assert answer.json()["validation_errors"]
    assert listing() == []


def test_another_kind_of_body_is_415(send):
    answer = send(content=b"<a/>", extra={"Content-Type": "text/xml"})

    assert answer.status_code == 415
    assert "text/csv" in answer.json()["detail"]


def test_an_error_names_the_file_and_the_row(send):
    answer = send(files={"file": ("birds.json", b'[{"a": 1}, 7]')})

    (message,) = answer.json()["validation_errors"]["non_field_errors"]
    assert message.startswith("birds.json: Row 1 is a number")


def test_only_who_manages_a_project_imports_into_it(client, project, stranger):
    for path in ("import", "import/predictions"):
        answer = client.post(
            f"/api/projects/{project.id}/{path}",
            json=[{"task": 1, "result": []}],
            headers=stranger.headers,
        )
        assert answer.status_code == 403


def test_predictions_are_imported_all_at_once(send, listing, task):
    body = [
        {"task": task.id, "result": RESULT, "score": 0.5, "model_version": "one"},
        {"task": task.id, "result": []},
    ]

    answer = send(body, "/import/predictions")

    assert (answer.status_code, answer.json()) == (201, {"created": 2})
    (read,) = listing()
    assert read["total_predictions"] == 2
    assert [p["model_version"] for p in read["predictions"]] == ["one", "undefined"]


UNUSABLE = {
    "no list": {"task": 1},
    "empty": [],
    "no object": [1],
    "no task": [{"result": []}],
    "text": [{"task": "1", "result": []}],
    "no result": [{"task": 1}],
    "score": [{"task": 1, "result": [], "score": "high"}],
    "elsewhere": [{"task": 10**6, "result": []}],
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE)
def test_predictions_that_cannot_be_saved_are_refused_as_a_whole(
    send, listing, task, body
):
    good = [{"task": task.id, "result": []}]
    mixed = [*good, *body] if isinstance(body, list) and body else body

    answer = send(mixed, "/import/predictions")

    assert answer.status_code == 400
    assert listing()[0]["predictions"] == []


LATER = {"params": {"commit_to_project": "false"}}


def test_files_are_kept_and_become_tasks_when_that_is_said(send, listing):
    rows = b"text,score\ngull,1\ntern,2\n"
    kept = send(files={"file": ("birds.csv", rows)}, **LATER)

    assert kept.status_code == 201
    said = kept.json()
    assert (said["task_count"], said["annotation_count"]) == (2, None)
    assert (said["data_columns"], said["could_be_tasks_list"]) == (
        ["text", "score"],
        True,
    )
    assert listing() == []
    made = send({"file_upload_ids": said["file_upload_ids"]}, "/reimport")
    assert made.status_code == 201
    assert made.json()["task_count"] == 2
    assert [task["data"]["text"] for task in listing()] == ["gull", "tern"]


def test_a_body_and_a_picture_are_kept_too(send, listing):
    ids = send([{"text": "a"}], **LATER).json()["file_upload_ids"]
    picture = {"file": ("gull.png", b"\x89PNG", "image/png")}
    ids += send(files=picture, **LATER).json()["file_upload_ids"]

    made = send({"file_upload_ids": ids}, "/reimport")

    assert made.json()["task_count"] == 2
    first, second = listing()
    assert first["data"] == {"text": "a"}
    assert "/data/upload/" in str(second["data"])


@pytest.mark.parametrize("ids", [[], [999]])
def test_what_was_not_kept_cannot_be_imported(send, listing, ids):
    answer = send({"file_upload_ids": ids}, "/reimport")

    assert answer.status_code == 400
    assert "file_upload_ids" in answer.json()["validation_errors"]
    assert listing() == []


def test_files_of_another_project_are_not_imported(send, listing, app, owner, client):
    ids = send([{"text": "a"}], **LATER).json()["file_upload_ids"]
    other = projects.create_project(app, owner.principal, {"title": "Owls"})

    answer = client.post(
        f"/api/projects/{other.id}/reimport",
        json={"file_upload_ids": ids},
        headers=owner.headers,
    )

    assert answer.status_code == 400

"""A project as a file by HTTP, and what lies in its export storages."""

from __future__ import annotations

import csv
import io
import json

import pytest

from labeldock.contract import ALWAYS
from labeldock.services import annotations, tasks
from labeldock.services.exporting.delivery import deliver_batch

STORAGES = "/api/storages/export/memory"
CHOICE = {
    "from_name": "kind", "to_name": "image", "type": "choices",
    "value": {"choices": ["gull"]},
}  # fmt: skip
BOX = {
    "from_name": "box", "to_name": "image", "type": "rectanglelabels",
    "original_width": 10, "original_height": 20,
    "value": {"x": 1, "y": 2, "rectanglelabels": ["wing"]},
}  # fmt: skip


@pytest.fixture
def annotate(app, owner, task):
    def save(*result, **values):
        values = {"result": list(result), **values}
        return annotations.create_annotation(app, owner.principal, task.id, values)

    return save


@pytest.fixture
def export(client, auth, task):
    def get(**query):
        path = f"/api/projects/{task.project_id}/export"
        return client.get(path, params=query, headers=auth)

    return get


def test_the_annotated_tasks_are_exported(app, owner, export, annotate, task):
    data = {"image": "memory://media/crow.jpg"}
    other = tasks.create_task(app, owner.principal, task.project_id, data)
    annotation = annotate(CHOICE)

    answer = export(exportType="JSON")

    assert answer.status_code == 200
    (exported,) = answer.json()
    assert exported["id"] == task.id
    assert exported["annotations"][0]["id"] == annotation.id
    name = answer.headers["filename"]
    assert name in answer.headers["content-disposition"]
    assert (name.startswith("project-"), name.endswith(".json")) == (True, True)
    everything = export(download_all_tasks="true").json()
    assert [each["id"] for each in everything] == [task.id, other.id]
    assert [each["id"] for each in export(**{"ids[]": [task.id]}).json()] == [task.id]
    assert export(ids=str(other.id)).json() == []


@pytest.mark.parametrize("form", ["JSON", "JSONL", "JSON_MIN", "CSV"])
def test_data_of_objects_are_called_as_the_label_config_calls_them(
    app, owner, export, task, form
):
    data = {"$undefined$": "memory://media/crow.jpg"}
    other = tasks.create_task(app, owner.principal, task.project_id, data)
    values = {"result": [CHOICE]}
    annotations.create_annotation(app, owner.principal, other.id, values)

    text = export(exportType=form, ids=str(other.id)).text

    assert "$undefined$" not in text
    assert "image" in text
    assert "memory://media/crow.jpg" in text


def test_every_key_that_clients_look_for_is_in_an_export(export, annotate, owner):
    annotate(CHOICE)
    annotate(was_cancelled=True)

    (task,) = export().json()

    assert (task["total_annotations"], task["cancelled_annotations"]) == (1, 1)
    assert (task["total_predictions"], task["drafts"], task["meta"]) == (0, [], {})
    assert {each["completed_by"] for each in task["annotations"]} == {
        owner.principal.user_id
    }


def test_flat_rows_have_a_column_for_each_control(export, annotate, task, owner):
    annotation = annotate(CHOICE, BOX, lead_time=1.5)
    annotate(CHOICE, was_cancelled=True)

    (row,) = export(exportType="JSON_MIN").json()
    table = list(csv.DictReader(io.StringIO(export(exportType="CSV").text)))
    tabs = export(export_type="TSV").text.splitlines()

    assert row["kind"] == "gull"
    assert row["box"] == [{**BOX["value"], "original_width": 10, "original_height": 20}]
    assert (row["id"], row["annotation_id"]) == (task.id, annotation.id)
    assert (row["annotator"], row["lead_time"]) == (owner.principal.user_id, 1.5)
    assert set(task.data) <= set(row)
    assert (table[0]["kind"], json.loads(table[0]["box"])) == ("gull", row["box"])
    assert "kind" in tabs[0].split("\t")
    assert len(tabs) == 2


def test_what_cannot_be_exported_is_refused_before_anything_is_sent(
    client, export, stranger, task
):
    answer = export(exportType="COCO")
    path = f"/api/projects/{task.project_id}/export"

    assert answer.status_code == 400
    assert "JSON_MIN" in answer.text
    assert client.get(path, headers=stranger.headers).status_code == 403
    assert client.get(path).status_code == 401
    assert client.get("/api/projects/999/export").status_code == 401
    assert export(ids="x").status_code == 400


def test_the_formats_are_listed(client, auth, task):
    path = f"/api/projects/{task.project_id}/export/formats"

    names = [each["name"] for each in client.get(path, headers=auth).json()]

    assert {"JSON", "JSON_MIN", "CSV", "TSV"} <= set(names)


# Export storages


@pytest.fixture
def storage(client, auth, task):
    body = {"project": task.project_id, "bucket": "media", "indent": True}
    answer = client.post(STORAGES, json=body, headers=auth)
    assert answer.status_code == 201
    return answer.json()


def test_the_settings_of_an_export_storage_are_shown_and_changed(client, auth, storage):
    path = f"{STORAGES}/{storage['id']}"
    body = {"key_template": "{annotation.id}.json", "payload": "annotation"}

    changed = client.patch(path, json=body, headers=auth)
    refused = client.patch(path, json={"key_template": "all.json"}, headers=auth)

    assert (storage["indent"], storage["layout"]) == (True, "files")
    assert changed.json()["key_template"] == "{annotation.id}.json"
    assert refused.status_code == 400
    assert "key_template" in refused.json()["validation_errors"]


def test_links_deliveries_and_the_bucket_are_shown(
    client, auth, storage, app, annotate, memory
):
    path = f"{STORAGES}/{storage['id']}"
    annotation = annotate(CHOICE)
    deliver_batch(app, storage["id"])

    (link,) = client.get(f"{path}/links", headers=auth).json()
    assert (link["annotation_id"], link["object_exists"]) == (annotation.id, True)
    assert link["etag"]
    delivered = client.get(f"{path}/deliveries?state=delivered", headers=auth).json()
    assert [each["key"] for each in delivered] == [str(annotation.id)]
    assert client.get(f"{path}/deliveries", headers=auth).json() == []
    assert client.get(f"{path}/deliveries?state=x", headers=auth).status_code == 400
    retried = client.post(f"{path}/deliveries/retry", json={}, headers=auth)
    assert retried.json() == {"retried": 0}

    assert memory.get_bucket("media").delete(str(annotation.id), ALWAYS)
    found = client.post(f"{path}/verify", json={"repair": "true"}, headers=auth).json()
    assert (found["missing"], found["repaired"]) == (1, 1)
    assert [f["key"] for f in found["findings"]] == [str(annotation.id)]
    deliver_batch(app, storage["id"])
    again = client.post(f"{path}/verify", headers=auth).json()
    assert (again["known"], again["missing"]) == (1, 0)


def test_only_who_may_sees_them(client, stranger, storage):
    path = f"{STORAGES}/{storage['id']}"

    for end, method in (
        ("links", client.get),
        ("deliveries", client.get),
        ("deliveries/retry", client.post),
        ("verify", client.post),
    ):
        assert method(f"{path}/{end}", headers=stranger.headers).status_code == 403
        assert method(f"{path}/{end}").status_code == 401


@pytest.mark.parametrize("as_query", [True, False])
def test_a_sync_may_be_of_what_is_new(client, auth, storage, as_query):
    path = f"{STORAGES}/{storage['id']}/sync"
    field = {"save_only_new_annotations": "true"}

    values = {"params": field} if as_query else {"json": field}
    answer = client.post(path, headers=auth, **values)

    assert answer.status_code == 200
    wrong = {"save_only_new_annotations": "x"}
    assert client.post(path, json=wrong, headers=auth).status_code == 400

"""What scripts have to get from the methods of the SDK, whichever its generation."""

from __future__ import annotations

RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]
EMAIL = "scripts@example.org"
SECRET = "planted secret"


def expect_versions_and_users(said):
    assert said["versions"]["release"]
    whoami = said["users"]["whoami"]
    assert (whoami["username"], whoami["email"]) == (EMAIL, EMAIL)
    assert [user["id"] for user in said["users"]["list"]] == [whoami["id"]]


def expect_projects(said):
    projects = said["projects"]
    assert projects["created"]["title"] == "Birds"
    assert projects["updated"]["description"] == "On the coast"
    assert projects["got"]["label_config"] == projects["created"]["label_config"]
    # Two pages of two: the pager goes on until it meets a 404.
    assert projects["listed"][:4] == ["Further 2", "Further 1", "Further 0", "Birds"]
    assert projects["labels"] == ["gull", "crow"]
    assert projects["got"]["expert_instruction"] == "Look twice"
    assert projects["broken"]["status"] == 400
    assert said["gone"]["status"] == 404


def expect_tasks(said):
    tasks = said["tasks"]
    assert tasks["created"]["data"] == {"image": "https://x/0.jpg"}
    assert tasks["updated"]["data"] == {"image": "https://x/new.jpg"}
    assert tasks["got"]["id"] == tasks["created"]["id"]
    assert tasks["listed"] == tasks["expected"]
    assert tasks["deleted"]["status"] == 404
    assert said["left"] == 0


def expect_annotations(said):
    annotations = said["annotations"]
    assert annotations["created"]["result"] == RESULT
    assert annotations["created"]["task"] == annotations["task"]
    assert annotations["created"]["lead_time"] == 1.5
    assert annotations["updated"]["ground_truth"] is True
    assert annotations["updated"]["result"] == RESULT
    (listed,) = annotations["listed"]
    assert listed["id"] == annotations["got"]["id"] == annotations["created"]["id"]
    task = annotations["in_task"]
    assert (task["total_annotations"], task["is_labeled"]) == (1, True)
    assert task["annotations"][0]["completed_by"]["email"] == EMAIL


def expect_predictions(said):
    predictions = said["predictions"]
    assert predictions["created"]["score"] == 0.75
    assert predictions["created"]["result"] == RESULT
    assert predictions["updated"]["model_version"] == "two"
    (listed,) = predictions["listed"]
    assert listed["id"] == predictions["got"]["id"] == predictions["created"]["id"]
    assert predictions["deleted"]["status"] == 404


def expect_import(said):
    made = said["import"]["made"]
    assert (made["task_count"], made["annotation_count"]) == (2, 1)
    assert len(made["task_ids"]) == 2
    plain, labelled = said["import"]["tasks"]
    assert plain["data"] == {"image": "https://x/a.jpg"}
    assert labelled["annotations"][0]["result"] == RESULT
    assert labelled["predictions"][0]["model_version"] == "m"
    assert (labelled["total_annotations"], labelled["total_predictions"]) == (1, 1)


def expect_local_storages(said):
    imported, exported = said["local"]["import"], said["local"]["export"]
    for storage in (imported, exported):
        _expect_storage(storage, "localfiles")
    assert imported["created"]["status"] == "initialized"
    assert imported["ended"]["last_sync_count"] == 2
    assert imported["names"] == ["one.jpg", "two.jpg"]
    # One annotation was made by hand, and one was imported with its task.
    assert exported["ended"]["last_sync_count"] == 2
    assert len(said["local"]["written"]) == 2


def expect_s3_storages(said):
    imported, exported = said["s3"]["import"], said["s3"]["export"]
    for storage in (imported, exported):
        _expect_storage(storage, "s3")
    created = imported["created"]
    assert (created["bucket"], created["prefix"]) == ("birds", "photos")
    assert (created["presign"], created["presign_ttl"]) == (False, 5)
    assert imported["ended"]["last_sync_count"] == 1
    # What tasks were made of stays known when their storage is deleted.
    assert imported["names"] == ["one.jpg", "photos/a.jpg", "two.jpg"]
    assert SECRET not in str(said)


def _expect_storage(storage, kind):
    assert storage["validated"] is None
    created, ended = storage["created"], storage["ended"]
    assert (created["title"], created["type"]) == ("First", kind)
    assert storage["synced"]["status"] in {"queued", "in_progress", "completed"}
    assert (ended["status"], ended["traceback"]) == ("completed", None)
    assert ended["last_sync"]
    assert storage["updated"]["title"] == "Second"
    (listed,) = storage["listed"]
    assert (listed["id"], listed["title"]) == (created["id"], "Second")
    assert storage["deleted"]["status"] == 404


def expect_errors(said):
    """Nothing that the SDK would send again, and bodies in which it finds its way."""
    errors = said["errors"]
    fields = {"bucket": "bucket", "title": "title"}
    fields["credentials"] = "google_application_credentials"
    for name, field in fields.items():
        assert errors[name]["status"] == 400
        assert list(errors[name]["body"]["validation_errors"]) == [field]
    for name in ("redis", "task", "project"):
        assert errors[name]["status"] == 404
        assert errors[name]["body"]["status_code"] == 404
        assert errors[name]["body"]["detail"]

"""A script as people have them: from a bucket to labels and back, and everything away.

It knows Label Studio only. What it is run against is said by its environment.
"""

from __future__ import annotations

import os
import time
import warnings
from contextlib import suppress

warnings.simplefilter("ignore")  # of the SDK's own dependencies

from label_studio_sdk.client import LabelStudio  # noqa: E402
from label_studio_sdk.core.api_error import ApiError  # noqa: E402

LABELS = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img">'
    '<Choice value="gull"/><Choice value="crow"/></Choices></View>'
)
RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]
ENDED = {"completed", "completed_with_errors", "failed"}
BUCKET = {
    "bucket": "birds",
    "region_name": "us-east-1",
    "s3endpoint": os.environ["BUCKET_URL"],
    "aws_access_key_id": "AKIAEXAMPLE",
    "aws_secret_access_key": "secret",
}


def main():
    client = LabelStudio(
        base_url=os.environ["LABEL_STUDIO_URL"],
        api_key=os.environ["LABEL_STUDIO_API_KEY"],
    )
    client.versions.get()
    me = client.users.whoami()
    project = client.projects.create(title="Birds", label_config=LABELS)
    client.projects.update(id=project.id, description="On the coast")
    import_from_bucket(client, project.id)
    tasks = list(client.tasks.list(project=project.id, page_size=2))
    label(client, tasks, me)
    predict(client, project.id, tasks)
    add_tasks(client, project.id)
    export_to_bucket(client, project.id)
    take_home(client, project.id)
    look_around(client, project.id, me)
    make_mistakes(client, project.id)
    tidy_up(client, project.id, tasks)


def import_from_bucket(client, project):
    client.import_storage.list_types()
    storages = client.import_storage.s3
    fields = {**BUCKET, "prefix": "photos", "use_blob_urls": True, "presign_ttl": 10}
    storages.validate(project=project, **fields)
    storage = storages.create(project=project, title="Photos", **fields)
    storages.sync(id=storage.id)
    wait(storages, storage.id)
    storages.list(project=project)
    storages.update(id=storage.id, title="Photos of birds")
    other = storages.create(project=project, title="Tasks", **BUCKET, prefix="tasks")
    storages.sync(id=other.id)
    wait(storages, other.id)
    storages.delete(id=other.id)


def wait(storages, number):
    while storages.get(id=number).status not in ENDED:
        time.sleep(0.1)


def label(client, tasks, me):
    client.tasks.get(id=tasks[0].id)
    first = client.annotations.create(
        id=tasks[0].id, result=RESULT, was_cancelled=False, lead_time=1.5
    )
    client.annotations.update(id=first.id, ground_truth=True)
    client.annotations.get(id=first.id)
    second = client.annotations.create(
        id=tasks[1].id, result=RESULT, completed_by=me.id
    )
    client.annotations.delete(id=second.id)
    client.annotations.create(id=tasks[1].id, result=[], was_cancelled=True)
    client.annotations.list(id=tasks[0].id)
    client.tasks.get(id=tasks[0].id)
    client.tasks.update(id=tasks[0].id, meta={"place": "harbour"})


def predict(client, project, tasks):
    made = client.predictions.create(
        task=tasks[0].id, result=RESULT, score=0.75, model_version="one"
    )
    client.predictions.update(id=made.id, score=0.5)
    client.predictions.get(id=made.id)
    client.predictions.list(task=tasks[0].id)
    other = client.predictions.create(task=tasks[1].id, result=RESULT)
    client.predictions.delete(id=other.id)
    many = [{"task": tasks[1].id, "result": RESULT, "score": 0.25}]
    client.projects.import_predictions(id=project, request=many)
    client.tasks.get(id=tasks[0].id)


def add_tasks(client, project):
    client.tasks.create(project=project, data={"image": "https://example.org/a.jpg"})
    several = [
        {"image": "https://example.org/b.jpg"},
        {
            "data": {"image": "https://example.org/c.jpg"},
            "annotations": [{"result": RESULT}],
            "predictions": [{"result": RESULT, "score": 0.5, "model_version": "two"}],
        },
    ]
    client.projects.import_tasks(id=project, request=several, return_task_ids=True)
    client.projects.import_tasks(id=project, request=several[:1])
    for task in client.tasks.list(project=project):
        client.tasks.get(id=task.id)
    client.projects.get(id=project).get_label_interface()


def export_to_bucket(client, project):
    client.export_storage.list_types()
    storages = client.export_storage.s3
    storages.validate(project=project, **BUCKET, prefix="done")
    storage = storages.create(project=project, title="Done", **BUCKET, prefix="done")
    wait(storages, storage.id)
    storages.sync(id=storage.id)
    wait(storages, storage.id)
    storages.list(project=project)
    storages.update(id=storage.id, title="Labels", can_delete_objects=True)
    storages.delete(id=storage.id)


def take_home(client, project):
    exports = client.projects.exports
    exports.list_formats(id=project)
    for form in ("JSON", "JSON_MIN", "CSV"):
        b"".join(exports.download_sync(id=project, export_type=form))
    made = exports.create(id=project, title="Before the summer")
    while exports.get(id=project, export_pk=made.id).status != "completed":
        time.sleep(0.1)
    exports.list(id=project)
    b"".join(exports.download(id=project, export_pk=made.id))
    exports.convert(id=project, export_pk=made.id, export_type="CSV")
    b"".join(exports.download(id=project, export_pk=made.id, export_type="CSV"))
    exports.delete(id=project, export_pk=made.id)


def look_around(client, project, me):
    list(client.projects.list(page_size=1))
    client.projects.list_counts()
    client.users.list()
    client.users.get(id=me.id)
    client.projects.validate_label_config(id=project, label_config=LABELS)
    client.projects.list_unique_annotators(id=project)
    client.files.list(id=project)
    client.ml.list(project=project)
    client.webhooks.info()
    hook = client.webhooks.create(url="https://example.org/hook", project=project)
    client.webhooks.get(id=hook.id)
    client.webhooks.update(id=hook.id, is_active=False)
    client.webhooks.list(project=project)
    client.webhooks.delete(id=hook.id)
    client.actions.list(project=project)
    view = client.views.create(project=project, data={"title": "All of them"})
    client.views.get(id=str(view.id))
    client.views.update(id=str(view.id), data={"title": "Each of them"})
    client.views.list(project=project)
    list(client.tasks.list(view=view.id))
    client.views.delete(id=str(view.id))


def make_mistakes(client, project):
    """What scripts run into, and catch."""
    bad = "<View><Choices name='x' toName='y'><Choice value='z'/></Choices></View>"
    for call in (
        lambda: client.projects.get(id=10**9),
        lambda: client.tasks.get(id=10**9),
        lambda: client.annotations.get(id=10**9),
        lambda: client.import_storage.s3.get(id=10**9),
        lambda: client.import_storage.s3.list(project=10**9),
        lambda: client.projects.create(title="x"),
        lambda: client.projects.create(title="Broken", label_config=bad),
        lambda: client.projects.validate_label_config(id=project, label_config=bad),
        lambda: client.annotations.create(id=10**9, result=[]),
        lambda: client.projects.import_tasks(id=project, request=[]),
        lambda: client.import_storage.s3.create(
            project=project, **{**BUCKET, "bucket": "Not_A_Bucket"}
        ),
        lambda: client.import_storage.gcs.create(
            project=project, bucket="birds", google_application_credentials="{"
        ),
    ):
        with suppress(ApiError):
            call()


def tidy_up(client, project, tasks):
    client.tasks.delete(id=tasks[0].id)
    client.actions.create(
        id="delete_tasks",
        project=project,
        selected_items={"all": False, "included": [tasks[1].id]},
    )
    client.tasks.delete_all_tasks(id=project)
    list(client.tasks.list(project=project))
    client.projects.delete(id=project)


main()

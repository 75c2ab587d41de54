"""What users' scripts do, with whichever SDK is installed here; prints what it gave.

    python script.py '{"url": ..., "token": ..., "folder": ..., "s3": ...}'

It is run in the SDK's environment, so it imports nothing of ours. Everything that a
method returned is printed as one JSON object, for the tests to look at.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

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


def main():
    given = json.loads(sys.argv[1])
    client = LabelStudio(base_url=given["url"], api_key=given["token"])
    said = {"sdk": version("label-studio-sdk")}
    said["versions"] = plain(client.versions.get())
    said["users"] = try_users(client)
    project = client.projects.create(
        title="Birds", label_config=LABELS, expert_instruction="Look twice"
    )
    said["projects"] = try_projects(client, project)
    said["tasks"] = try_tasks(client, project.id)
    said["annotations"] = try_annotations(client, project.id)
    said["predictions"] = try_predictions(client, project.id)
    said["import"] = try_import(client, project.id)
    said["local"] = try_local(client, project.id, Path(given["folder"]))
    said["s3"] = try_s3(client, project.id, given["s3"])
    said["types"] = try_types(client)
    said["tokens"] = try_tokens(client)
    said["exported"] = try_export(client, project.id)
    said["errors"] = try_errors(client, project.id)
    client.tasks.delete_all_tasks(id=project.id)
    said["left"] = len(list(client.tasks.list(project=project.id)))
    client.projects.delete(id=project.id)
    said["gone"] = fails(lambda: client.projects.get(id=project.id))
    sys.stdout.write(json.dumps(said))


def try_users(client):
    return {
        "whoami": plain(client.users.whoami()),
        "list": plain(client.users.list()),
    }


def try_projects(client, project):
    for number in range(3):
        client.projects.create(title=f"Further {number}")
    updated = client.projects.update(id=project.id, description="On the coast")
    pages = client.projects.list(page_size=2)
    check = getattr(client.projects, "validate_label_config", None)
    check = check or client.projects.validate_config
    return {
        "created": plain(project),
        "updated": plain(updated),
        "got": plain(client.projects.get(id=project.id)),
        "listed": [each.title for each in pages],
        "valid": plain(check(id=project.id, label_config=LABELS)),
        "broken": fails(lambda: check(id=project.id, label_config="<View>")),
        "labels": client.projects.get(id=project.id)
        .get_label_interface()
        .get_tag("kind")
        .labels,
    }


def try_tasks(client, project):
    created = [
        client.tasks.create(project=project, data={"image": f"https://x/{n}.jpg"})
        for n in range(5)
    ]
    one = created[0].id
    updated = client.tasks.update(id=one, data={"image": "https://x/new.jpg"})
    client.tasks.delete(id=created[4].id)
    return {
        "created": plain(created[0]),
        "updated": plain(updated),
        "got": plain(client.tasks.get(id=one)),
        "listed": [t.id for t in client.tasks.list(project=project, page_size=2)],
        "expected": [task.id for task in created[:4]],
        "deleted": fails(lambda: client.tasks.get(id=created[4].id)),
    }


def try_annotations(client, project):
    task = next(iter(client.tasks.list(project=project))).id
    created = client.annotations.create(
        id=task, result=RESULT, was_cancelled=False, lead_time=1.5
    )
    second = client.annotations.create(id=task, result=[])
    updated = client.annotations.update(id=created.id, ground_truth=True)
    client.annotations.delete(id=second.id)
    return {
        "task": task,
        "created": plain(created),
        "updated": plain(updated),
        "got": plain(client.annotations.get(id=created.id)),
        "listed": plain(client.annotations.list(id=task)),
        "in_task": plain(client.tasks.get(id=task)),
    }


def try_predictions(client, project):
    task = next(iter(client.tasks.list(project=project))).id
    created = client.predictions.create(
        task=task, result=RESULT, score=0.75, model_version="one"
    )
    updated = client.predictions.update(id=created.id, model_version="two")
    said = {
        "task": task,
        "created": plain(created),
        "updated": plain(updated),
        "got": plain(client.predictions.get(id=created.id)),
        "listed": plain(client.predictions.list(task=task)),
    }
    client.predictions.delete(id=created.id)
    said["deleted"] = fails(lambda: client.predictions.get(id=created.id))
    return said


def try_import(client, project):
    tasks = [
        {"image": "https://x/a.jpg"},
        {
            "data": {"image": "https://x/b.jpg"},
            "annotations": [{"result": RESULT}],
            "predictions": [{"result": RESULT, "score": 0.5, "model_version": "m"}],
        },
    ]
    made = client.projects.import_tasks(id=project, request=tasks, return_task_ids=True)
    ids = plain(made).get("task_ids")
    read = [plain(client.tasks.get(id=number)) for number in ids]
    return {"made": plain(made), "tasks": read}


def try_local(client, project, folder):
    (folder / "in").mkdir()
    for name in ("one.jpg", "two.jpg", "notes.txt"):
        (folder / "in" / name).write_bytes(b"bytes")
    (folder / "out").mkdir()
    fields = {"regex_filter": ".*jpg", "use_blob_urls": True}
    imported = try_storage(
        client, client.import_storage.local, project, path=str(folder / "in"), **fields
    )
    exported = try_storage(
        client, client.export_storage.local, project, path=str(folder / "out")
    )
    return {
        "import": imported,
        "export": exported,
        "written": sorted(file.name for file in (folder / "out").iterdir()),
    }


def try_s3(client, project, s3):
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "planted secret"}
    where = {"bucket": "birds", "region_name": "us-east-1", **keys}
    # The old SDK has no parameter for the wire's name in its newer spelling.
    where["s3endpoint" if has_short_name(client) else "s3_endpoint"] = s3
    imported = try_storage(
        client,
        client.import_storage.s3,
        project,
        **where,
        prefix="photos",
        use_blob_urls=True,
        presign=False,
        presign_ttl=5,
    )
    exported = try_storage(
        client, client.export_storage.s3, project, **where, prefix="done"
    )
    return {"import": imported, "export": exported}


def list_names(client, project):
    """The keys of the objects that tasks were made of."""
    names = [
        plain(t).get("storage_filename") for t in client.tasks.list(project=project)
    ]
    return sorted(name for name in names if name)


def has_short_name(client):
    names = type(client.import_storage.s3).create.__kwdefaults__
    return "s3endpoint" in names


def try_storage(client, storages, project, **fields):
    validated = storages.validate(project=project, **fields)
    created = storages.create(project=project, title="First", **fields)
    synced = storages.sync(id=created.id)
    said = {
        "validated": plain(validated),
        "created": plain(created),
        "synced": plain(synced),
        "ended": plain(wait(lambda: storages.get(id=created.id))),
        "updated": plain(storages.update(id=created.id, title="Second")),
        "listed": plain(storages.list(project=project)),
        "names": list_names(client, project),
    }
    storages.delete(id=created.id)
    said["deleted"] = fails(lambda: storages.get(id=created.id))
    return said


def try_types(client):
    if not hasattr(client.import_storage, "list_types"):
        return None
    return {
        "import": plain(client.import_storage.list_types()),
        "export": plain(client.export_storage.list_types()),
    }


def try_tokens(client):
    """Personal tokens, which the oldest SDK cannot make."""
    if not hasattr(getattr(client, "tokens", None), "rotate"):
        return None
    made = client.tokens.create().token
    other = client.tokens.rotate(refresh=made).refresh
    access = client.tokens.refresh(refresh=other).access
    # SDK 2.0 looks for JSON in this answer, though it is a 204 with Label Studio, too.
    fails(lambda: client.tokens.blacklist(refresh=other))
    return {
        "access": access,
        "ended": [
            fails(lambda t=t: client.tokens.refresh(refresh=t)) for t in (made, other)
        ],
    }


def try_export(client, project):
    """All tasks as JSON; the oldest SDK has another way to ask."""
    exports = getattr(client.projects, "exports", None)
    return plain(exports.as_json(project)) if hasattr(exports, "as_json") else None


def try_errors(client, project):
    def connect():
        return client.import_storage.s3.create(project=project, bucket="no such one")

    def elsewhere():
        return client.import_storage.gcs.create(
            project=project, bucket="b-b", google_application_credentials="{"
        )

    return {
        "bucket": fails(connect),
        "credentials": fails(elsewhere),
        "redis": fails(lambda: client.import_storage.redis.list(project=project)),
        "task": fails(lambda: client.tasks.get(id=10**9)),
        "title": fails(lambda: client.projects.create(title="x")),
        "project": fails(lambda: client.import_storage.s3.list(project=10**9)),
    }


def wait(read):
    """Poll, as scripts do."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        storage = read()
        if plain(storage)["status"] in ENDED:
            return storage
        time.sleep(0.05)
    raise TimeoutError("the sync did not end")


def fails(call):
    """The status and body of the error that a call ends with."""
    try:
        return {"returned": plain(call())}
    except ApiError as error:
        return {"status": error.status_code, "body": plain(error.body)}


def plain(value):
    """As JSON: whatever the SDK made of an answer."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    for method in ("model_dump", "dict"):
        if hasattr(value, method):
            return plain(getattr(value, method)())
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


main()

"""The same with the SDK's `Client`, as scripts of the first generation are written.

python legacy_script.py '{"url": ..., "token": ..., "folder": ...}'
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # of the SDK's own dependencies

from label_studio_sdk import Client  # noqa: E402

LABELS = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img">'
    '<Choice value="gull"/></Choices></View>'
)
RESULT = [
    {
        "from_name": "kind",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["gull"]},
    }
]


def main():
    given = json.loads(sys.argv[1])
    client = Client(url=given["url"], api_key=given["token"])
    said = {"versions": client.versions, "connection": client.check_connection()}
    said["users"] = [user.email for user in client.get_users()]
    project = client.start_project(title="Old birds", label_config=LABELS)
    said["listed"] = [each.title for each in client.list_projects()]
    said["ids"] = project.import_tasks(
        [{"image": "https://x/a.jpg"}, {"image": "https://x/b.jpg"}]
    )
    said.update(try_files(project, Path(given["folder"])))
    said.update(try_work(project, said["ids"]))
    said.update(try_storages(client, project, Path(given["folder"])))
    said["views"] = project.get_views()
    project.delete_tasks(said["ids"][:1])
    said["after_some"] = [task["id"] for task in project.get_tasks()]
    project.delete_all_tasks()
    said["after_all"] = project.get_tasks()
    client.delete_project(project.id)
    sys.stdout.write(json.dumps(said, default=str))


def try_files(project, folder):
    (folder / "tasks.csv").write_text("image,place\nhttps://x/c.jpg,coast\n")
    (folder / "tasks.json").write_text('[{"image": "https://x/d.jpg"}]')
    made = [
        project.import_tasks(str(folder / name)) for name in ("tasks.csv", "tasks.json")
    ]
    return {"of_files": [project.get_task(number)["data"] for (number,) in made]}


def try_work(project, ids):
    annotation = project.create_annotation(ids[0], result=RESULT)
    project.update_annotation(annotation["id"], ground_truth=True)
    prediction = project.create_prediction(ids[1], result=RESULT, score=0.5)
    many = project.create_predictions([{"task": ids[1], "result": RESULT}])
    project.update_task(ids[1], meta={"place": "harbour"})
    return {
        "annotation": project.get_annotation(annotation["id"]),
        "prediction": prediction,
        "many": many,
        "tasks": project.get_tasks(),
        "selected": project.get_tasks(selected_ids=ids[:1]),
        "labeled": [task["id"] for task in project.get_labeled_tasks()],
        "unlabeled": project.get_unlabeled_tasks_ids(),
        "exported": project.export_tasks(),
    }


def try_storages(client, project, folder):
    (folder / "legacy").mkdir()
    (folder / "legacy" / "e.jpg").write_bytes(b"bytes")
    storage = project.connect_local_import_storage(
        str(folder / "legacy"), regex_filter=".*jpg"
    )
    synced = project.sync_import_storage("localfiles", storage["id"])
    until = time.monotonic() + 30
    while synced["status"] not in {"completed", "failed"} and time.monotonic() < until:
        time.sleep(0.05)
        (synced,) = project.get_import_storages()
    return {
        "storage": storage,
        "synced": synced,
        "exports": project.get_export_storages(),
    }


main()

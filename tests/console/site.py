"""A running site: server, worker and an S3 server, filled with a story to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3

from labeldock.cli.demo.drawing import draw_landscape, draw_shape
from labeldock.cli.demo.samples import KINDS
from labeldock.contract import Purpose
from labeldock.db import schema
from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.jobs.worker import Worker
from labeldock.services import access, annotations, projects, runs, storages, task_walk
from labeldock.services.access import Principal
from labeldock.services.accounts.project_members import add_project_member
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView
from labeldock.services.task_walk import TaskFilter
from labeldock.testing.plugins import build_catalog
from labeldock_local.plugin import LocalProvider
from labeldock_s3.plugin import S3Provider
from tests.servers.moto import run_moto
from tests.system.conftest import LABEL_CONFIG, build_app
from tests.system.media_serving import serve, wait_until

PASSWORD = "a-long-password"
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
QUICK = {"poll_interval": 0.05, "storage_in_progress_timer": 0.5, "page_size": 25}


@dataclass
class Site:
    """What a test needs to know of a running site."""

    address: str
    app: AppContext
    s3: Any
    s3_url: str
    people: dict[str, Principal] = field(default_factory=dict)

    def put(self, key: str, data: bytes, kind: str = "image/png") -> None:
        """Put an object into the bucket, as somebody outside would."""
        self.s3.put_object(Bucket="media", Key=key, Body=data, ContentType=kind)

    def list_keys(self, prefix: str = "") -> list[str]:
        """What lies in the bucket."""
        found = self.s3.list_objects_v2(Bucket="media", Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", ())]

    def create_project(self, title: str) -> int:
        """The number of a new project of the owner."""
        values = {"title": title, "label_config": LABEL_CONFIG}
        return projects.create_project(self.app, self.people["owner"], values).id

    def connect(
        self, project_id: int, purpose: Purpose = Purpose.IMPORT, **values: Any
    ) -> StorageView:
        """Connect the bucket to a project."""
        usual = {"bucket": "media", "s3_endpoint": self.s3_url, **KEYS}
        if purpose is Purpose.IMPORT:
            usual |= {"use_blob_urls": True, "recursive_scan": True}
        draft = StorageDraft(project_id, purpose, "s3", {**usual, **values})
        return storages.add_storage(self.app, self.people["owner"], draft)

    def sync(self, storage: StorageView) -> int:
        """Ask for a sync and wait for its end; the number of the run."""
        owner = self.people["owner"]
        asked = storages.sync_storage(self.app, owner, storage.id, storage.purpose)
        wait_until(lambda: not runs.is_active(self.app, asked.run.id), seconds=30)
        return asked.run.id

    def back_up(self, project_id: int, *, lightweight: bool) -> None:
        """Make a backup of a project, and wait for it."""
        ask = BackupAsk(project_id, lightweight=lightweight)
        view = request_backup(self.app, self.people["owner"], ask)
        wait_until(lambda: not runs.is_active(self.app, view.run_id), seconds=30)


@contextmanager
def build_site(home: Path) -> Iterator[Site]:
    """Start everything; nobody is there but an owner, a viewer and an administrator."""
    roots = {"LABELDOCK_LOCAL_ROOTS": str(home)}
    catalog = build_catalog(S3Provider(), LocalProvider(), environment=roots)
    parts = build_app(home, catalog, **QUICK)
    schema.upgrade(parts.database)
    broker = build_broker(parts.settings)
    app = attach_bell(parts, broker)
    worker = Worker(app, broker)
    try:
        with run_moto() as s3_url, serve(app) as server:
            worker.start()
            s3 = boto3.client(
                "s3", endpoint_url=s3_url, region_name="us-east-1", **KEYS
            )
            s3.create_bucket(Bucket="media")
            site = Site(f"http://127.0.0.1:{server.port}", app, s3, s3_url)
            for name in ("admin", "owner", "viewer"):
                email = f"{name}@example.org"
                site.people[name] = access.create_user(
                    app, email, PASSWORD, is_admin=name == "admin"
                )
            yield site
            s3.close()
            worker.stop()
    finally:
        broker.close()
        app.close()


def tell_story(site: Site) -> int:
    """Fill a site with what its pages show: two projects, good and bad syncs."""
    number = site.create_project("Shapes on the coast")
    values = {
        "description": "Pictures of shapes, to be sorted by kind; the landscapes come "
        "from task files.",
    }
    owner = site.people["owner"]
    projects.update_project(site.app, owner, number, values)
    put_samples(site)
    pictures = site.connect(number, prefix="pictures", title="Pictures")
    site.connect(number, Purpose.EXPORT, prefix="annotations", title="Annotations")
    for _ in range(3):
        site.sync(pictures)
    files = site.connect(
        number, prefix="tasks", title="Task files", use_blob_urls=False
    )
    site.sync(files)
    gone = site.connect(number, prefix="pictures", title="Archive")
    changed = replace_bucket(site, gone)
    site.sync(changed)
    for lightweight in (False, True):
        site.back_up(number, lightweight=lightweight)
    viewer = site.people["viewer"]
    add_project_member(site.app, owner, number, viewer.user_id, "viewer")
    annotate(site, number)
    site.create_project("Letters")
    return number


SHAPES = """<View>
  <Image name="image" value="$image"/>
  <Header value="Mark the shape"/>
  <RectangleLabels name="box" toName="image">
    <Label value="Round" background="#c62828"/><Label value="Pointed"/>
  </RectangleLabels>
  <Header value="What is it?"/>
  <Choices name="kind" toName="image" required="true">
    <Choice value="Circle"/><Choice value="Hexagon"/><Choice value="Star"/>
  </Choices>
  <Header value="How clear is it?"/>
  <Rating name="clear" toName="image" maxRating="5"/>
  <TextArea name="note" toName="image"/>
  <PolygonLabels name="outline" toName="image"><Label value="Outline"/></PolygonLabels>
</View>"""


def annotate(site: Site, number: int) -> None:
    """Say something about the first picture of the story."""
    owner = site.people["owner"]
    projects.update_project(site.app, owner, number, {"label_config": SHAPES})
    about = {"to_name": "image", "original_width": 480, "original_height": 360}
    box = {"x": 26, "y": 15, "width": 43, "height": 58, "rotation": 0}
    other = {"x": 83, "y": 56, "width": 9, "height": 12, "rotation": 10}
    kind = {"type": "rectanglelabels", "from_name": "box", **about}
    result = [
        {**kind, "id": "a", "value": {**box, "rectanglelabels": ["Round"]}},
        {**kind, "id": "b", "value": {**other, "rectanglelabels": ["Pointed"]}},
        {
            "id": "c",
            "type": "choices",
            "from_name": "kind",
            "to_name": "image",
            "value": {"choices": ["Circle"]},
        },
    ]
    values = {"result": result, "lead_time": 12.0}
    task = task_walk.walk_tasks(site.app, owner, number, TaskFilter(), limit=1).ids[0]
    annotations.create_annotation(site.app, owner, task, values)


def put_samples(site: Site) -> None:
    """Pictures, task files, and two broken ones."""
    import io

    for kind in KINDS:
        for count in (1, 2):
            buffer = io.BytesIO()
            draw_shape(kind, count).save(buffer, "PNG")
            site.put(f"pictures/{kind}-{count}.png", buffer.getvalue())
    buffer = io.BytesIO()
    draw_landscape(1).save(buffer, "PNG")
    site.put("landscapes/one.png", buffer.getvalue())
    rows = [{"image": "s3://media/landscapes/one.png", "n": n} for n in range(6)]
    lines = "\n".join(json.dumps(row) for row in rows)
    site.put("tasks/landscapes.jsonl", lines.encode(), "application/json")
    for name in ("broken", "cut off"):
        site.put(f"tasks/{name}.json", b'[{"data": ', "application/json")


def replace_bucket(site: Site, storage: StorageView) -> StorageView:
    """Have a storage look at a bucket that is deleted afterwards."""
    site.s3.create_bucket(Bucket="archive")
    site.s3.put_object(Bucket="archive", Key="pictures/a.png", Body=b"png")
    owner = site.people["owner"]
    view = storages.update_storage(
        site.app, owner, storage.id, storage.purpose, {"bucket": "archive", **KEYS}
    )
    site.s3.delete_object(Bucket="archive", Key="pictures/a.png")
    site.s3.delete_bucket(Bucket="archive")
    return replace(view)

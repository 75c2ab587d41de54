"""The hosted mode on this machine, with something in it to ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Row, text

from bench.installation import SECRET_KEY, Installation, opened_installation
from bench.stress.mixture import SHARES, Operation, Plan
from bench.stress.watching import Sample, Stores, look_at, look_at_stores
from bench.trees import temporary_folder
from labeldock.contract.values import Purpose
from labeldock.services import projects, storages
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.tokens import TokenWish, create_key
from tests.chaos.restarting import (
    RestartableServer,
    restartable_postgres,
    restartable_redis,
)
from tests.servers.families import list_family
from tests.servers.hosted import WEB, WEB_PROCESSES, WORKERS, House

BUCKET, LABELS = "media", "labels"
KEYS = {"aws_access_key_id": "AKIASTRESS", "aws_secret_access_key": "any"}
POSTGRES = "PostgreSQL"
METRICS_TOKEN = "for-looking-at-what-is-counted"
PAGE = 100
RESULT = [
    {
        "type": "choices",
        "from_name": "kind",
        "to_name": "image",
        "value": {"choices": ["cat"]},
    }
]


@dataclass(frozen=True, slots=True)
class Gallery:
    """A project whose tasks are the objects of a bucket."""

    project_id: int
    storage_id: int
    tasks: tuple[int, ...]
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """An installation at work, and how to ask it.

    Attributes:
        installation: the same database and secrets, seen from here.
        house: web and workers.
        shown: media of this project redirect.
        streamed: media of this one are passed through; its annotations are exported.
        export_id: of the storage that they are exported to.
    """

    installation: Installation
    house: House
    postgres: RestartableServer
    redis: RestartableServer
    token: str
    shown: Gallery
    streamed: Gallery
    export_id: int

    def make_plan(self, rate: float, seconds: float, seed: int = 0) -> Plan:
        """The mixture of requests at this rate."""
        headers = {"Authorization": f"Token {self.token}"}
        operations = self._list_operations()
        return Plan(self.house.url, operations, rate, seconds, headers, seed=seed)

    def _list_operations(self) -> list[Operation]:
        shown, streamed = self.shown, self.streamed
        pages = range(1, max(2, len(shown.tasks) // PAGE + 1))
        query = f"/api/tasks?project={shown.project_id}&page_size={PAGE}"
        tasks = [f"/api/tasks/{task_id}/annotations/" for task_id in streamed.tasks]
        syncs = [f"/api/storages/s3/{g.storage_id}/sync" for g in (shown, streamed)]
        export = f"/api/storages/export/s3/{self.export_id}/sync"
        only_new = json.dumps({"save_only_new_annotations": True})
        label = json.dumps({"result": RESULT})
        listed = [f"{query}&page={page}" for page in pages]
        return [
            Operation("resolve", SHARES["resolve"], "GET", shown.media, 303),
            Operation("proxy", SHARES["proxy"], "GET", streamed.media),
            Operation("list", SHARES["list"], "GET", listed),
            Operation(
                "annotate", SHARES["annotate"], "POST", tasks, 201, label, is_noted=True
            ),
            Operation("sync", SHARES["sync"], "POST", syncs, body="{}"),
            Operation("export", SHARES["export"], "POST", [export], body=only_new),
        ]

    def list_processes(self) -> dict[str, list[int]]:
        """The processes by name; a supervisor beside those that it starts."""
        found = {WEB: [self.house.pid_of(WEB)]}
        for place, pid in enumerate(self.house.list_web_processes(), 1):
            found[f"{WEB} process {place}"] = [pid]
        for name in WORKERS:
            found[name] = list_family(self.house.pid_of(name))
        found[POSTGRES] = list_family(self.postgres.pid)
        found["Redis"] = list_family(self.redis.pid)
        return found

    def look(self, seconds: float = 0.0) -> Sample:
        """What all of it takes and holds now."""
        looks = {n: look_at(pids) for n, pids in self.list_processes().items()}
        return Sample(seconds, looks, self.look_at_stores())

    def look_at_stores(self) -> Stores:
        """The database and Redis."""
        return look_at_stores(self.postgres.url, self.redis.url)

    def read(self, query: str, **values: Any) -> list[Row[Any]]:
        """Rows as they are committed now."""
        with self.installation.app.database.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def is_ready(self) -> bool:
        """Whether the service takes requests, with all its processes."""
        with urlopen(f"{self.house.url}/ready", timeout=10) as answer:
            return bool(
                answer.status == 200
                and len(self.house.list_web_processes()) == WEB_PROCESSES
            )


@contextmanager
def opened_ground(objects: str, settings: Mapping[str, str]) -> Iterator[Ground]:
    """The hosted mode, started, with two projects on the bucket of a server.

    Raises:
        ServerMissing: PostgreSQL or Redis is not installed.
    """
    with ExitStack() as stack:
        postgres = stack.enter_context(restartable_postgres())
        redis = stack.enter_context(restartable_redis())
        folder = stack.enter_context(temporary_folder())
        here = stack.enter_context(
            opened_installation(
                folder / "home", roots=folder, database_url=postgres.url
            )
        )
        places = {"@postgres:5432": postgres.url, "//redis:6379": redis.url}
        values = {
            "POSTGRES_PASSWORD": "any",
            "LABELDOCK_SECRET_KEY": SECRET_KEY,
            "LABELDOCK_EGRESS_ALLOW": "127.0.0.0/8",
            "LABELDOCK_METRICS_TOKEN": METRICS_TOKEN,
        }
        settings = {"LABELDOCK_LOG_LEVEL": "WARNING", **settings}
        house = House(folder / "home", places, values, settings)
        shown = _make_gallery(here, objects, presign=True)
        streamed = _make_gallery(here, objects, presign=False)
        export_id = _connect(
            here, streamed.project_id, Purpose.EXPORT, objects, bucket=LABELS
        )
        token = create_key(here.app, here.owner, TokenWish())[1]
        stack.enter_context(house).start(WEB, *WORKERS)
        ground = Ground(here, house, postgres, redis, token, shown, streamed, export_id)
        house.wait_until(ground.is_ready, "the web service")
        for name in WORKERS:
            house.wait_until(
                lambda n=name: "The worker is ready" in house.read_log(n),  # type: ignore[misc]
                "the workers",
            )
        yield ground


def _make_gallery(here: Installation, objects: str, *, presign: bool) -> Gallery:
    """A project with a task for each object of the bucket."""
    project_id = projects.create_project(here.app, here.owner, {"title": "media"}).id
    storage_id = _connect(
        here, project_id, Purpose.IMPORT, objects, presign=presign, use_blob_urls=True
    )
    replace(here, project_id=project_id).sync(storage_id)
    with here.app.database.engine.connect() as connection:
        query = text("SELECT id, data FROM task WHERE project_id = :id ORDER BY id")
        rows = list(connection.execute(query, {"id": project_id}))
    media = []
    for row in rows:
        (uri,) = json.loads(row.data).values()
        media.append(f"/tasks/{row.id}/resolve/?fileuri={encode_fileuri(uri)}")
    return Gallery(project_id, storage_id, tuple(r.id for r in rows), tuple(media))


def _connect(
    here: Installation,
    project_id: int,
    purpose: Purpose,
    objects: str,
    bucket: str = BUCKET,
    **values: Any,
) -> int:
    given = {"bucket": bucket, "s3_endpoint": objects, **KEYS, **values}
    draft = StorageDraft(project_id, purpose, "s3", given)
    return storages.add_storage(here.app, here.owner, draft).id

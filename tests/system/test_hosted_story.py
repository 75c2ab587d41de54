"""The hosted mode from nothing, by the commands of `compose.yaml`, without containers.

Two web processes, two workers, PostgreSQL, Redis and an S3 server; each is killed and
started once between the first login and the export, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest

from tests.chaos.callers import Address
from tests.chaos.restarting import (
    restartable_moto,
    restartable_postgres,
    restartable_redis,
)
from tests.chaos.tally import PROPERTY, Tally
from tests.servers.hosted import PATIENCE, WEB, WEB_PROCESSES, WORKERS, House
from tests.servers.starting import start_server

OBJECTS, LABELS = 300, 12
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
# Little pages and short leases: whoever is killed has done something, and what was
# theirs is taken up soon.
QUICK = {
    "LABELDOCK_STORAGE_IN_PROGRESS_TIMER": "0.5",
    "LABELDOCK_PAGE_SIZE": "10",
    "LABELDOCK_MAX_ATTEMPTS": "50",
    "LABELDOCK_S3_CONNECT_TIMEOUT": "1",
    "LABELDOCK_S3_READ_TIMEOUT": "5",
    "LABELDOCK_S3_MAX_ATTEMPTS": "2",
}
FIRST = {"email": "first@example.org", "password": "a-long-password"}


class Visitor:
    """Somebody who tries again while the service says that it will be back."""

    def __init__(self, house):
        self._house = house
        self.address = Address(house.url, "", 0)

    def log_in(self):
        """By the link that the first start prints; that login makes a token."""
        log = "Become the administrator"
        self._house.wait_until(lambda: log in self._house.read_log(WEB), "the link")
        pattern = re.compile(r"http://\S+(/user/link/[\w-]{43})")
        path = pattern.search(self._house.read_log(WEB))[1]
        jar = urllib.request.HTTPCookieProcessor()
        browser = urllib.request.build_opener(jar)
        form = urllib.parse.urlencode(FIRST).encode()
        origin = {"Origin": self._house.url}
        made = "/api/current-user/tokens"
        for place, body in ((path, form), (made, b"title=story")):
            request = urllib.request.Request(self._house.url + place, body, origin)
            with browser.open(request, timeout=120) as answer:
                text = answer.read()
        self.address = Address(self._house.url, json.loads(text)["token"], 0)

    def ask(self, method, path, body=None):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.address.call(method, path, body)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 503 or not error.headers["Retry-After"]:
                    raise
            except (OSError, http.client.HTTPException):
                self._house.tend()
            assert time.monotonic() < deadline, self._house.read_logs()
            time.sleep(0.1)

    def connect(self, path, **values):
        given = {**KEYS, **values}
        return self.ask("POST", path, given)["id"]


@pytest.fixture
def servers():
    with contextlib.ExitStack() as stack:
        yield [
            start_server(stack, make())
            for make in (restartable_postgres, restartable_redis, restartable_moto)
        ]


@pytest.fixture
def house(servers, tmp_path):
    postgres, redis, _ = servers
    values = {
        "POSTGRES_PASSWORD": "any",
        "LABELDOCK_SECRET_KEY": "k" * 32,
        "LABELDOCK_EGRESS_ALLOW": "127.0.0.0/8",
    }
    places = {"@postgres:5432": postgres.url, "//redis:6379": redis.url}
    with House(tmp_path, places, values, QUICK) as house:
        yield house


@pytest.fixture
def bucket(servers):
    s3 = boto3.client(
        "s3", endpoint_url=servers[2].url, region_name="us-east-1", **KEYS
    )
    for name in ("pictures", "labels"):
        s3.create_bucket(Bucket=name)
    for number in range(OBJECTS):
        s3.put_object(Bucket="pictures", Key=f"{number:04}.jpg", Body=b"x")
    with contextlib.closing(s3):
        yield s3


@pytest.fixture
def tally(record_property):
    counted = Tally()
    record_property(PROPERTY, counted.row)
    return counted


@pytest.mark.full
@pytest.mark.timeout(3 * PATIENCE)
def test_nothing_is_lost_while_each_process_is_killed_and_started(
    house, servers, bucket, tally
):
    visitor = Visitor(house)
    house.migrate()
    house.start(WEB, *WORKERS)
    house.wait_until(
        lambda: visitor.address.call("GET", "/ready")["status"] == "READY", "readiness"
    )
    visitor.log_in()
    project = visitor.ask("POST", "/api/projects/", {"title": "Hosted"})["id"]
    common = {"project": project, "s3_endpoint": servers[2].url}
    imports = visitor.connect(
        "/api/storages/s3/", bucket="pictures", use_blob_urls=True, **common
    )
    visitor.connect("/api/storages/export/s3/", bucket="labels", **common)
    house.wait_until(
        lambda: len(house.list_web_processes()) == WEB_PROCESSES, "web processes"
    )
    kills = build_kills(house, servers)

    visitor.ask("POST", f"/api/storages/s3/{imports}/sync")
    for name in ("worker-1", "Redis", "S3 server", "worker-2", "PostgreSQL"):
        wait_for_progress(visitor, imports)
        is_active = read_status(visitor, imports) in {"queued", "in_progress"}
        kills[name]()
        tally.note(did_strike=is_active, kind=f"{name} killed")
    house.wait_until(lambda: read_status(visitor, imports) == "completed", "the import")
    tasks = list_tasks(visitor, project)
    for number, task in enumerate(tasks[:LABELS]):
        visitor.ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": []})
        name = {3: "web process 1", 6: "web process 2", 9: "web service"}.get(number)
        if name:
            kills[name]()
            tally.note(did_strike=True, kind=f"{name} killed")
    saved = list_saved(visitor, [task["id"] for task in tasks[:LABELS]])
    house.wait_until(lambda: len(read_labels(bucket)) >= len(saved), "the export")

    assert sorted(task["storage_filename"] for task in tasks) == [
        f"{number:04}.jpg" for number in range(OBJECTS)
    ]
    assert {task_id for _, task_id in saved} == {task["id"] for task in tasks[:LABELS]}
    assert sorted(read_labels(bucket)) == sorted(saved)
    assert set(tally.kinds) == {f"{name} killed" for name in kills}
    assert house.kills == {"worker-1": 1, "worker-2": 1, "web process": 2, WEB: 1}


def build_kills(house, servers):
    """What is killed, and started again: by us, or the web's processes by the web."""
    postgres, redis, s3 = servers

    def restart(server):
        server.kill()
        server.start()

    def revive(name):
        house.kill(name)
        house.start(name)

    def replace(pid):
        house.kill_web_process(pid)
        house.wait_until(lambda: has_replaced(pid), "another web process")

    def has_replaced(pid):
        now = house.list_web_processes()
        return pid not in now and len(now) == WEB_PROCESSES

    first, second = house.list_web_processes()

    return {
        "worker-1": lambda: revive("worker-1"),
        "worker-2": lambda: revive("worker-2"),
        "web process 1": lambda: replace(first),
        "web process 2": lambda: replace(second),
        "web service": lambda: revive(WEB),
        "PostgreSQL": lambda: restart(postgres),
        "Redis": lambda: restart(redis),
        "S3 server": lambda: restart(s3),
    }


def wait_for_progress(visitor, storage_id):
    """Until the import has come further, or to its end."""
    path = f"/api/storages/s3/{storage_id}"

    def read():
        storage = visitor.ask("GET", path)
        return storage["status"], storage["last_sync_count"]

    before, deadline = read(), time.monotonic() + PATIENCE
    while read() == before and before[0] != "completed":
        assert time.monotonic() < deadline, before
        time.sleep(0.05)


def read_status(visitor, storage_id):
    storage = visitor.ask("GET", f"/api/storages/s3/{storage_id}")
    assert storage["status"] not in {"failed", "completed_with_errors"}, storage
    return storage["status"]


def list_tasks(visitor, project):
    query = f"/api/tasks?project={project}&page_size=1000&resolve_uri=false"
    return visitor.ask("GET", query)["tasks"]


def list_saved(visitor, tasks):
    """Number and task of each annotation that the service knows."""
    return [
        (annotation["id"], task_id)
        for task_id in tasks
        for annotation in visitor.ask("GET", f"/api/tasks/{task_id}/annotations/")
    ]


def read_labels(s3):
    """The same of the bucket; of an object for each."""
    entries = s3.list_objects_v2(Bucket="labels").get("Contents", ())
    bodies = [
        json.loads(s3.get_object(Bucket="labels", Key=entry["Key"])["Body"].read())
        for entry in entries
    ]
    return [(body["id"], body["task"]) for body in bodies]

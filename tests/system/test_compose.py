"""The hosted mode as `compose.yaml` starts it, without containers: the same commands.

Web, two workers, PostgreSQL, Redis and an S3 server; each is killed and started once
while somebody imports, labels and exports, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
import yaml

from tests.chaos.callers import Address
from tests.chaos.restarting import restartable_postgres, restartable_redis
from tests.servers.moto import run_moto
from tests.servers.process import free_port
from tests.servers.starting import start_server

ROOT = Path(__file__).parents[2]
OBJECTS, LABELS = 400, 12
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
NAME = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}")
LIMIT = 120.0
QUICK = {"LABELDOCK_STORAGE_IN_PROGRESS_TIMER": "0.5", "LABELDOCK_PAGE_SIZE": "10"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def fill_in(text, values):
    """What compose makes of a value with variables in it."""
    return NAME.sub(lambda m: values.get(m[1], m[2] or ""), str(text))


class House:
    """The processes that the compose file describes, on this machine."""

    def __init__(self, compose, home, values, places):
        self._services = compose["services"]
        self._home = home
        self._values = values
        self._places = places
        self._running = {}
        self.kills = 0

    def environment_of(self, service):
        told = self._services[service]["environment"]
        found = {k: fill_in(v, self._values) for k, v in told.items()}
        for name, place in self._places.items():
            found = {k: place if name in v else v for k, v in found.items()}
        return {**os.environ, **found, **QUICK, "LABELDOCK_HOME": str(self._home)}

    def command_of(self, service, ports=None):
        words = [str(word) for word in self._services[service]["command"]]
        assert words[0] == "labeldock"
        words = [(ports or {}).get(word, word) for word in words[1:]]
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]
        return [sys.executable, "-m", "labeldock", *words]

    def run(self, service, *words):
        command = [sys.executable, "-m", "labeldock", *words]
        done = subprocess.run(
            command if words else self.command_of(service),
            env=self.environment_of(service),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )
        return done.stdout.strip()

    def start(self, name, service, ports=None):
        log = self._home / f"{name}.log"
        with log.open("ab") as out:
            self._running[name] = subprocess.Popen(
                self.command_of(service, ports),
                env=self.environment_of(service),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self, name, ending=signal.SIGKILL):
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, ending)
        process.wait(LIMIT)
        self.kills += 1

    def close(self):
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until(condition, what):
    end = time.monotonic() + LIMIT
    while not _holds(condition):
        assert time.monotonic() < end, what
        time.sleep(0.1)


def _holds(condition):
    try:
        return condition()
    except OSError:  # the service is away
        return False


@pytest.fixture
def servers():
    with contextlib.ExitStack() as stack:
        yield (
            start_server(stack, restartable_postgres()),
            start_server(stack, restartable_redis()),
            start_server(stack, run_moto()),
        )


@pytest.fixture
def house(compose, servers, tmp_path):
    postgres, redis, _ = servers
    values = {
        "POSTGRES_PASSWORD": "secret",
        "LABELDOCK_SECRET_KEY": "k" * 32,
        "LABELDOCK_EGRESS_ALLOW": "127.0.0.0/8",
    }
    places = {"@postgres:5432": postgres.url, "//redis:6379": redis.url}
    house = House(compose, tmp_path, values, places)
    yield house
    house.close()


@pytest.mark.full
@pytest.mark.timeout(400)
def test_nothing_is_lost_while_each_part_is_killed_and_started(house, servers):
    postgres, redis, s3_url = servers
    s3 = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1", **KEYS)
    for bucket in ("pictures", "labels"):
        s3.create_bucket(Bucket=bucket)
    for number in range(OBJECTS):
        s3.put_object(Bucket="pictures", Key=f"{number:04}.jpg", Body=b"x")

    house.run("migrate")
    port = str(free_port())
    ports = {"8080": port, "9400": "0"}
    house.start("web", "web", ports)
    for name in ("worker-1", "worker-2"):
        house.start(name, "worker", ports)
    web = f"http://127.0.0.1:{port}"
    who = ("--email", "first@example.org")
    house.run("web", "user", "create", "--admin", *who, "--password", "a-long-password")
    token = house.run("web", "token", "create", *who)
    api = Address(web, token.split()[-1], 0)
    wait_until(lambda: api.call("GET", "/ready")["status"] == "READY", "readiness")
    project = api.call("POST", "/api/projects/", {"title": "Hosted"})["id"]
    imports = connect(api, "/api/storages/s3/", s3_url, project, "pictures")
    connect(api, "/api/storages/export/s3/", s3_url, project, "labels")

    api.call("POST", f"/api/storages/s3/{imports}/sync")
    house.kill("worker-1")
    house.start("worker-1", "worker", ports)
    redis.restart(signal.SIGKILL)
    house.kill("worker-2")
    house.start("worker-2", "worker", ports)
    postgres.restart(signal.SIGKILL)
    house.kill("web")
    house.start("web", "web", ports)

    def is_done():
        return api.call("GET", f"/api/storages/s3/{imports}")["status"] == "completed"

    wait_until(is_done, "the import")
    tasks = list_tasks(api, project)
    assert sorted(task["storage_filename"] for task in tasks) == [
        f"{number:04}.jpg" for number in range(OBJECTS)
    ]

    labelled = [task["id"] for task in tasks[:LABELS]]
    for number, task_id in enumerate(labelled):
        api.call("POST", f"/api/tasks/{task_id}/annotations/", {"result": []})
        if number == LABELS // 2:
            house.kill("worker-1")
            house.start("worker-1", "worker", ports)
    wait_until(lambda: len(list_keys(s3, "labels")) == LABELS, "the export")
    written = {
        json.loads(read(s3, key))["task"]["id"] for key in list_keys(s3, "labels")
    }
    assert written == set(labelled)
    s3.close()
    assert house.kills == 4  # and one each of Redis and PostgreSQL


def connect(api, path, s3_url, project, bucket):
    values = {"project": project, "bucket": bucket, "s3_endpoint": s3_url, **KEYS}
    return api.call("POST", path, {**values, "use_blob_urls": True})["id"]


def list_tasks(api, project):
    query = f"/api/tasks?project={project}&page_size=1000&resolve_uri=false"
    return api.call("GET", query)["tasks"]


def list_keys(s3, bucket):
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    return [each["Key"] for each in found]


def read(s3, key):
    return s3.get_object(Bucket="labels", Key=key)["Body"].read()


# The files themselves


def test_settings_of_the_compose_file_are_settings_of_labeldock(compose):
    from labeldock.settings import Settings

    told = compose["services"]["web"]["environment"]
    known = {f"LABELDOCK_{name.upper()}" for name in Settings.model_fields}

    assert set(told) <= known


def test_no_service_of_ours_may_more_than_it_needs(compose):
    for name in ("migrate", "web", "worker"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_somebody_without_rights():
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001"]


def test_the_linter_finds_nothing_in_the_dockerfile():
    program = shutil.which(
        "hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    assert program, "run: ./dev setup"
    done = subprocess.run(
        [program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")

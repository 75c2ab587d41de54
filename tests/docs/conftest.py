"""What runs the pages: the command line in a folder for PATH, and a shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess

import boto3
import pytest

from labeldock.db import schema
from labeldock.services import access, projects, tasks
from labeldock.services.annotations import create_annotation
from labeldock.testing.plugins import build_catalog
from tests.docs.blocks import find_unshown
from tests.servers.forks import forked_commands
from tests.servers.moto import run_moto
from tests.system.conftest import build_app

LIMIT = 60
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
BUCKETS = ("media", "labels", "birds", "bird-photos", "photos")
TITLES = ("Birds", "Photos", "Gulls", "Terns", "Auks", "Waders", "Owls")
MARK = "\x1e"


@pytest.fixture(scope="session")
def programs():
    """A folder with the program `labeldock`."""
    with forked_commands() as folder:
        yield folder


@pytest.fixture
def shell(programs, tmp_path):
    """Run steps of a page in one shell, and compare what it shows."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "COLUMNS": "110",
        "HOME": str(tmp_path),
    }

    def run(steps, *, prelude="", after="", **variables):
        script = [prelude, "\n"]
        for step in steps:
            script += [f"printf '{MARK}%s\\n' '{step.place}'\n", step.command, "\n"]
        script.append(f"printf '{MARK}end\\n'\n{after}\n")
        code, shown = _run_shell(
            "exec 2>&1\n" + "".join(script), tmp_path, {**environment, **variables}
        )
        assert code == 0, shown
        outputs = re.split(rf"{MARK}.*\n", shown)
        assert len(outputs) == len(steps) + 2, shown
        for step, output in zip(steps, outputs[1:-1], strict=True):
            unshown = find_unshown(output, step.shown or "")
            assert unshown == [], f"{step.place} shows other lines:\n{output}"
        return outputs[1:-1]

    return run


def _run_shell(script, folder, environment):
    """The exit code and the output; whatever it began ends with it."""
    process = subprocess.Popen(
        ["sh", "-eu"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        shown, _ = process.communicate(script, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        shown, _ = process.communicate()
        pytest.fail(f"took too long:\n{shown}")
    return process.returncode, shown


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server with the buckets that pages speak of."""
    with run_moto() as url:
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS)
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket)
        for key in ("pictures/1.jpg", "pictures/2.jpg"):
            for bucket in ("birds", "bird-photos"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"\xff\xd8")
        s3.close()
        yield url


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A home folder with two users, seven projects and a task in each."""
    home = tmp_path_factory.mktemp("furnished") / "home"
    app = build_app(home, build_catalog())
    schema.upgrade(app.database)
    me = access.create_user(app, "me@example.org", "a-long-password", is_admin=True)
    access.create_user(app, "ada@example.org", "a-long-password")
    for title in TITLES:
        project = projects.create_project(app, me, {"title": title})
        task = tasks.create_task(app, me, project.id, {"image": "https://a.org/1.jpg"})
        create_annotation(app, me, task.id, {"result": []})
    app.close()
    return home

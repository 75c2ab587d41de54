"""The service, and what scripts with each SDK got from it; run once per session."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.compat.environments import NEWEST, find_python
from tests.compat.service import clean_environment, run_service
from tests.servers.moto import run_moto
from tests.servers.starting import start_server

HERE = Path(__file__).parent
LIMIT = 90  # seconds for one script


@pytest.fixture(scope="session")
def service():
    with run_service() as running:
        yield running


@pytest.fixture(scope="session")
def bucket():
    """An S3 server with one bucket and one object in it."""
    with ExitStack() as stack:
        url = start_server(stack, run_moto())
        for path, data in (("birds", b""), ("birds/photos/a.jpg", b"bytes")):
            kind = {"Content-Type": "application/octet-stream"}  # a form is read as one
            request = urllib.request.Request(
                f"{url}/{path}", data=data, method="PUT", headers=kind
            )
            urllib.request.urlopen(request, timeout=10).close()
        yield url


@pytest.fixture(scope="session")
def run_script(service, bucket):
    """Run a script in the environment of an SDK; what it printed."""

    def run(script, version, token, folder):
        python = find_sdk(version)
        place = service.folder / folder
        place.mkdir()
        given = {"url": service.url, "token": token, "folder": str(place), "s3": bucket}
        roots = {"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(service.folder)}
        done = subprocess.run(
            [python, HERE / script, json.dumps(given)],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            env={**clean_environment(), **roots},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def newest(run_script, service):
    """What the newest SDK gave, logged in by a personal token."""
    return run_script("script.py", NEWEST, service.personal_token, "newest")


@pytest.fixture(scope="session")
def sdk():
    """The newest SDK is installed."""
    return find_sdk(NEWEST)


@contextmanager
def find_server(server):
    """A server, started; where it is not installed the test is skipped, with why."""
    with ExitStack() as stack:
        yield start_server(stack, server)


def find_sdk(version):
    """Its interpreter; where it cannot be installed the test is skipped, with why."""
    with ExitStack() as stack:
        return start_server(stack, _Found(version))


class _Found:
    """An environment as `start_server` takes servers."""

    def __init__(self, version):
        self._version = version

    def __enter__(self):
        return find_python(self._version)

    def __exit__(self, *_):
        return None

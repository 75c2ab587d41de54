"""A service to measure: a database with projects of media, and `labeldock serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.installation import (
    EMAIL,
    PASSWORD,
    SECRET_KEY,
    Installation,
    opened_installation,
)
from labeldock.contract.values import Purpose
from labeldock.services import access, projects, storages, tasks
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.tokens import TokenWish, create_key
from labeldock.web.sessions import COOKIE, build_session

BUCKET = "media"
KEYS = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
WORKERS = 2
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Gallery:
    """A project whose tasks show media.

    Attributes:
        project_id: its number.
        paths: where the media of its tasks are asked for, a path for each task.
    """

    project_id: int
    paths: list[str]


@dataclass(frozen=True, slots=True)
class Site:
    """An installation, and how to be known there."""

    installation: Installation
    token: str
    session: str

    @property
    def headers(self) -> dict[str, str]:
        """Of a script."""
        return {"Authorization": f"Token {self.token}"}

    @property
    def cookies(self) -> dict[str, str]:
        """Of a browser."""
        return {"Cookie": f"{COOKIE}={self.session}"}

    def make_gallery(
        self, objects: str, uris: Sequence[str], *, presign: bool
    ) -> Gallery:
        """A project with a task for each URI, and the storage that they lie in."""
        project_id = self._connect(objects, presign=presign)
        paths = []
        for uri in uris:
            task_id = self._add_task(project_id, {"image": uri})
            paths.append(f"/tasks/{task_id}/resolve/?fileuri={encode_fileuri(uri)}")
        return Gallery(project_id, paths)

    def make_list(self, objects: str, uris: Sequence[str], count: int) -> int:
        """The number of a project with tasks that each hold all these URIs."""
        project_id = self._connect(objects, presign=True)
        for _ in range(count):
            self._add_task(project_id, {"images": list(uris)})
        return project_id

    def _connect(self, objects: str, *, presign: bool) -> int:
        """The number of a new project with a bucket."""
        app, owner = self.installation.app, self.installation.owner
        project_id = projects.create_project(app, owner, {"title": "gallery"}).id
        values = {"bucket": BUCKET, "s3_endpoint": objects, "presign": presign, **KEYS}
        draft = StorageDraft(project_id, Purpose.IMPORT, "s3", values)
        storages.add_storage(app, owner, draft)
        return project_id

    def _add_task(self, project_id: int, data: Any) -> int:
        app, owner = self.installation.app, self.installation.owner
        return tasks.create_task(app, owner, project_id, data).id


@contextmanager
def built_site(home: Path, folder: Path) -> Iterator[Site]:
    """An installation with somebody who has a token and a session."""
    with opened_installation(home, roots=folder) as installation:
        app, owner = installation.app, installation.owner
        token = create_key(app, owner, TokenWish())[1]
        login = access.open_session(app, EMAIL, PASSWORD)
        session = build_session(app.vault, owner.user_id, login.stamp)
        yield Site(installation, token, session)


@dataclass(frozen=True, slots=True)
class Service:
    """Web processes that run."""

    url: str
    pid: int

    def list_processes(self) -> list[int]:
        """The web processes, and what else was started with them."""
        found, pending = [], [self.pid]
        while pending:
            pid = pending.pop()
            found.append(pid)
            for thread in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (thread / "children").read_text().split())
        return found

    def measure_memory(self) -> int:
        """Bytes of memory that these processes have for themselves."""
        return sum(map(_read_private, self.list_processes()))


@contextmanager
def served(home: Path, **environment: str) -> Iterator[Service]:
    """`labeldock serve` with two web processes."""
    count = ("--workers", str(WORKERS), "--port", "0")
    command = [sys.executable, "-m", "labeldock", "serve", *count]
    values = {
        "LABELDOCK_HOME": str(home),
        "LABELDOCK_SECRET_KEY": SECRET_KEY,
        "LABELDOCK_LOG_LEVEL": "ERROR",
        **environment,
    }
    with _started(command, values) as (process, log):
        url = _wait_for_word(process, log, "Labeldock is at ").rstrip("/")
        _wait_for_answer(url, "/health")
        yield Service(url, process.pid)


@contextmanager
def served_bare(application: str, **environment: str) -> Iterator[Service]:
    """An ASGI application on two processes of uvicorn, as the service's are."""
    options = ("--host", "127.0.0.1", "--workers", str(WORKERS), "--no-access-log")
    command = [sys.executable, "-m", "uvicorn", application, *options, "--port", "0"]
    with _started(command, environment) as (process, log):
        url = _wait_for_word(process, log, "running on ").split()[0]
        _wait_for_answer(url, "/")
        yield Service(url, process.pid)


@contextmanager
def _started(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with tempfile.NamedTemporaryFile(prefix="labeldock-bench-") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environment}
        )
        try:
            yield process, Path(log.name)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for_word(process: subprocess.Popen[bytes], log: Path, word: str) -> str:
    """What follows a word in the log."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        _, found, rest = log.read_text().partition(word)
        if found and "\n" in rest:
            return rest.partition("\n")[0].strip()
        time.sleep(0.05)
    raise RuntimeError(f"the service did not start: {log.read_text()[-2000:]}")


def _wait_for_answer(url: str, path: str) -> None:
    """Until every process is likely to take connections."""
    until = time.monotonic() + _START_SECONDS
    answered = 0
    while answered < 4 * WORKERS:
        try:
            connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
            answered += 1
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _read_private(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    lines = (line.split() for line in text.splitlines())
    sizes = (int(line[1]) for line in lines if line[0].startswith("Private_"))
    return 1024 * sum(sizes)

"""The service as users run it, a process of its own, with somebody who has tokens."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labeldock.services import access
from labeldock.services.context import opened_context
from labeldock.services.personal_tokens import create_personal_token
from labeldock.services.tokens import TokenWish, create_key
from labeldock.settings import Settings
from tests.servers.process import (
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

EMAIL = "scripts@example.org"


@dataclass(frozen=True)
class Service:
    """Where it is, whom it knows, and the folder whose files it may import."""

    url: str
    token: str
    personal_token: str
    folder: Path


@contextmanager
def run_service():
    """`labeldock serve` with an embedded worker and a database in a file."""
    with temporary_folder("compat") as folder:
        home, files = folder / "home", folder / "files"
        files.mkdir()
        with opened_context(Settings(home=home)) as app:
            user = access.create_user(app, EMAIL, "a password")
            token = create_key(app, user, TokenWish())[1]
            personal = create_personal_token(app, user, TokenWish()).token
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings = {
            "LABELDOCK_HOME": str(home),
            "LABELDOCK_LOCAL_ROOTS": str(files),
            "LABELDOCK_POLL_INTERVAL": "0.1",
            "LABELDOCK_EGRESS_PRIVATE": "true",
        }
        words = [f"{name}={value}" for name, value in settings.items()]
        command = ["env", *words, sys.executable, "-m", "labeldock", "serve"]
        with run_server([*command, "--port", str(port)], folder) as server:
            wait_until_ready(server, folder, lambda: _ask(url))
            yield Service(url, token, personal, files)


def _ask(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status
    except (OSError, urllib.error.URLError):
        return None


def clean_environment():
    """The environment of a script: nothing of it is to be found by the SDK."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONUTF8": "1"}

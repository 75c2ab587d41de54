"""Label Studio itself, as its makers publish it: what our answers are compared with.

    python -m tests.compat.peer install|serve

It gets an environment of its own in `artifacts` (0.9 GB), a database in a folder that
goes with it, and a token by its own command line. `./dev peer` is the way to here.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.compat.environments import find_environment, is_made, prepare
from tests.servers.process import (
    ServerMissing,
    free_port,
    run_server,
    temporary_folder,
    wait_until_ready,
)

VERSION = "1.23.2"
COMMAND = "./dev peer install"
EMAIL = "scripts@example.org"
_NAME = f"label-studio-{VERSION}"
_TOKEN = "5c21b7e04f9a4d6e8b3a7d105e62f8c94ab0d3e1"
_START_SECONDS = 240.0  # the first thing it does is every migration it ever had


@dataclass(frozen=True)
class Peer:
    """Where it is, who may ask it, and the folder whose files it may import."""

    url: str
    token: str
    folder: Path
    pid: int


class PeerMissing(ServerMissing):
    """Label Studio is not installed here."""

    def __init__(self):
        Exception.__init__(self, f"not installed: {COMMAND}")


def install():
    """Where Label Studio is, installed now if it was not."""
    return prepare(_NAME, [f"label-studio=={VERSION}"])


def is_installed():
    """Whether `install` was run."""
    return is_made(_NAME)


@contextmanager
def run_peer():
    """Label Studio on SQLite, with local files, and without any look at addresses.

    Raises:
        PeerMissing: it is not installed; it is too large to be installed unasked.
    """
    if not is_installed():
        raise PeerMissing
    with temporary_folder("peer") as folder:
        files = folder / "files"
        files.mkdir()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        words = [f"{name}={value}" for name, value in _list_settings(folder).items()]
        program = find_environment(_NAME) / "bin" / "label-studio"
        command = ["env", *words, str(program), "start", "--port", str(port)]
        with run_server([*command, *_list_options(folder)], folder) as server:
            wait_until_ready(server, folder, lambda: _ask(url), limit=_START_SECONDS)
            yield Peer(url, _TOKEN, files, server.pid)


def _list_settings(folder):
    return {
        "HOME": str(folder),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(folder),
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",  # the buckets are on loopback
        # Endpoints without a domain: else it keeps to itself what a bucket said.
        "LABEL_STUDIO_S3_TRUSTED_STORAGE_DOMAINS": ",",
        # It is to talk to nobody but us.
        "LATEST_VERSION_CHECK": "false",
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def _list_options(folder):
    login = ["--username", EMAIL, "--password", "a password", "--user-token", _TOKEN]
    place = ["--data-dir", str(folder / "data"), "--internal-host", "127.0.0.1"]
    return [*login, "--enable-legacy-api-token", *place, "--no-browser"]


def _ask(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status
    except (OSError, urllib.error.URLError):
        return None


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main():
    """Install it, or run it until its input ends."""
    os.environ.pop("PYTHONPATH", None)
    root = install()
    say(f"Label Studio {VERSION} is in {root}")
    if sys.argv[1:] == ["serve"]:
        with run_peer() as peer:
            say(f"Label Studio is at {peer.url}, with the token {peer.token}")
            say(f"local files may lie in {peer.folder}; Ctrl+D ends it")
            sys.stdin.read()


if __name__ == "__main__":
    main()

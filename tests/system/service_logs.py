"""A service of several processes whose log goes to files, as JSON, at DEBUG."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tests.system.terminal import COMMAND, stop, wait_until

LOUD = {"LABELDOCK_LOG_FORMAT": "json", "LABELDOCK_LOG_LEVEL": "DEBUG"}


@contextmanager
def run_logged(terminal, path, *words, **environment):
    """A command that goes on while the block lasts, then stops as it is asked to."""
    with path.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=terminal.home.parent,
            env={**terminal.environment, **LOUD, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
        stop(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def read_lines(path):
    """The lines of a log; each has to be JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for_event(path, event):
    """The first line of this event."""

    def find():
        lines = path.read_text().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return next((line for line in whole if line["event"] == event), None)

    return wait_until(find, event)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Caller:
    """Somebody who calls the API; every answer is a status, headers and a body."""

    def __init__(self, address, token):
        self._address, self._token = address, token
        self._opener = build_opener(_NoRedirect)

    def __call__(self, method, path, document=None, **headers):
        data = None if document is None else json.dumps(document).encode()
        request = Request(self._address + path.lstrip("/"), data, method=method)
        request.add_header("Authorization", f"Token {self._token}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def make(self, path, document, **headers):
        """What a POST has made."""
        status, _, body = self("POST", path, document, **headers)
        assert status in {200, 201}, (status, body)
        return json.loads(body)

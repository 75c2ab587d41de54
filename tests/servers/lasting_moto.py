"""An S3 server that may be killed: moto, with a journal of what was written to it.

    python -P tests/servers/lasting_moto.py JOURNAL -H HOST -p PORT

A write is done, noted in the journal and then answered; at a start, what the journal
holds is done again. So an object that was answered for outlives the process. Writes
take turns.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import threading
from pathlib import Path

from moto import server as moto_server
from werkzeug.serving import run_simple
from werkzeug.test import run_wsgi_app

UNKNOWN_TOKEN = (
    b"<Error><Code>InvalidArgument</Code>"
    b"<Message>The continuation token provided is incorrect</Message></Error>"
)
LENGTH = struct.Struct(">Q")
READS = {"GET", "HEAD", "OPTIONS"}


class Journal:
    """An application around moto's."""

    def __init__(self, app, path):
        self._app = app
        self._turn = threading.Lock()
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._replay()

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] in READS:
            return self._read(environ, start_response)
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        with self._turn:
            chunks, status, headers = self._do(environ, body)
            if status.startswith("2"):
                words = {k: v for k, v in environ.items() if isinstance(v, str)}
                record = pickle.dumps((words, body))
                self._file.write(LENGTH.pack(len(record)) + record)
        start_response(status, list(headers))
        return chunks

    def _read(self, environ, start_response):
        """Moto fails at a token of its last life; S3 would refuse it."""
        if "continuation-token=" not in environ.get("QUERY_STRING", ""):
            return self._app(environ, start_response)
        try:
            chunks, status, headers = self._do(environ, b"")
        except TypeError:  # it compares keys with what it does not find
            chunks, status = [UNKNOWN_TOKEN], "400 Bad Request"
            headers = [("Content-Type", "application/xml")]
        start_response(status, list(headers))
        return chunks

    def _do(self, environ, body):
        given = {**environ, "wsgi.input": io.BytesIO(body)}
        chunks, status, headers = run_wsgi_app(self._app, given, buffered=True)
        return list(chunks), status, headers

    def _replay(self):
        """Do all of it again; the process may have died within the last one."""
        content, place = self._file.readall(), 0
        while (start := place + LENGTH.size) <= len(content):
            end = start + LENGTH.unpack_from(content, place)[0]
            if end > len(content):
                break
            words, body = pickle.loads(content[start:end])
            status = self._do({**_SURROUNDINGS, **words}, body)[1]
            if not status.startswith("2"):
                raise RuntimeError(f"{words['PATH_INFO']} was written: now {status}")
            place = end
        self._file.seek(place)
        self._file.truncate()


_SURROUNDINGS = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


def main():
    """Serve until killed."""
    path = Path(sys.argv[1])
    moto_server.run_simple = lambda host, port, app, **options: run_simple(
        host, port, Journal(app, path), **options
    )
    moto_server.main(sys.argv[2:])


if __name__ == "__main__":
    main()

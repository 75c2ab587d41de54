"""A tiny object store over HTTP, with tokens, conditions, ranges and signed URLs.

It stands for a cloud where the kit itself is tested: small enough to be right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit

from labeldock.contract import (
    ABSENT,
    ALWAYS,
    ByteRange,
    BytesContent,
    InvalidRange,
    ListQuery,
    ObjectNotFound,
    PreconditionFailed,
    WriteRequest,
    matches,
)
from labeldock.testing.memory_bucket import Bucket, build_object

TOKENS = {
    "token-of-the-owner": {"GET", "HEAD", "PUT", "DELETE"},
    "token-of-a-reader": {"GET", "HEAD"},
    "token-of-nobody": set(),
}


class ShelfServer(ThreadingHTTPServer):
    """Rooms of objects, on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rooms: dict[str, Bucket] = {}
        self.lock = Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def sign(token, path, expires, answer_type="", disposition=""):
    """The signature of a GET, and of nothing else."""
    text = "\n".join(["GET", path, str(expires), answer_type, disposition])
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()


class _Refusal(Exception):
    def __init__(self, status, **facts):
        super().__init__(status)
        self.status, self.facts = status, facts


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Be silent."""

    def do_GET(self):
        with suppress(ConnectionError):
            self._answer()

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815  as the base calls

    def _answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.content = self.rfile.read(length)
        if len(self.content) < length:
            return
        self._send(*self._find_answer())

    def _find_answer(self):
        try:
            return self._route()
        except _Refusal as refusal:
            return refusal.status, json.dumps(refusal.facts).encode()
        except ObjectNotFound:
            return 404, b'{"what": "object"}'
        except PreconditionFailed:
            return 412, b"{}"
        except InvalidRange as error:
            return 416, json.dumps({"size": error.size}).encode()

    def _route(self):
        parts = urlsplit(self.path)
        self.query = {
            k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()
        }
        room, slash, key = parts.path[1:].partition("/")
        self._permit(parts.path)
        if room not in self.server.rooms:
            raise _Refusal(404, what="room")
        with self.server.lock:
            bucket = self.server.rooms[room]
            if not slash:
                return self._list(bucket)
            return getattr(self, f"_{self.command.lower()}")(bucket, unquote(key))

    def _permit(self, path):
        if "signature" in self.query:
            return self._permit_signed(path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in TOKENS:
            raise _Refusal(401)
        if self.command not in TOKENS[token]:
            raise _Refusal(403)
        return None

    def _permit_signed(self, path):
        told = {n: self.query.get(n, "") for n in ("expires", "type", "disposition")}
        readers = [token for token, permitted in TOKENS.items() if "GET" in permitted]
        good = [sign(token, path, *told.values()) for token in readers]
        is_mine = self.query["signature"] in good
        is_alive = float(told["expires"]) > time.time()
        if not (is_mine and is_alive and self.command == "GET"):
            raise _Refusal(403)

    def _list(self, bucket):
        query = ListQuery(
            self.query.get("prefix", ""),
            self.query.get("delimiter"),
            self.query.get("after"),
            self.query.get("upto"),
            self.query.get("cursor"),
            min(int(self.query.get("limit", 1000)), 1000),
        )
        page = bucket.list_page(query)
        rows = [
            [o.key, o.size, o.etag, o.last_modified.isoformat(), o.content_type]
            for o in page.objects
        ]
        told = {"objects": rows, "prefixes": page.prefixes, "cursor": page.cursor}
        return 200, json.dumps(told).encode()

    def _get(self, bucket, key):
        stored = bucket.find(key)
        if self.headers.get("If-Match", stored.info.etag) != stored.info.etag:
            raise _Refusal(412)
        body = stored.open(self._read_range())
        data = body.reader.read()
        headers = {
            "ETag": stored.info.etag,
            "Last-Modified-At": stored.info.last_modified.isoformat(),
            "Content-Type": self.query.get("type") or stored.info.content_type,
            "X-Size": str(stored.info.size),
        }
        if self.query.get("disposition"):
            headers["Content-Disposition"] = self.query["disposition"]
        return 206 if body.content_range else 200, data, headers

    _head = _get

    def _post(self, *_):
        raise _Refusal(405)

    def _put(self, bucket, key):
        if len(key.encode()) > 1024:
            raise _Refusal(400)
        etag = self.headers.get("If-Match")
        condition = matches(etag) if etag else ALWAYS
        if self.headers.get("If-None-Match") == "*":
            condition = ABSENT
        content = BytesContent(self.content)
        request = WriteRequest(key, content, self.headers["Content-Type"], condition)
        stored = build_object(request)
        bucket.save(stored, condition)
        return 200, b"{}", {"ETag": stored.info.etag}

    def _delete(self, bucket, key):
        etag = self.headers.get("If-Match")
        existed = bucket.delete(key, matches(etag) if etag else ALWAYS)
        return 200, json.dumps({"existed": existed}).encode()

    def _read_range(self):
        text = self.headers.get("Range")
        if text is None:
            return None
        first, _, last = text.removeprefix("bytes=").partition("-")
        return ByteRange(int(first) if first else None, int(last) if last else None)

    def _send(self, status, data, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

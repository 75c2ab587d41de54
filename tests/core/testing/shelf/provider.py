"""A provider for the tiny object store, written as one for a cloud would be."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from pydantic import Field, SecretStr

from labeldock.contract import (
    ENDPOINT,
    AccessDenied,
    Availability,
    BytesContent,
    ContainerNotFound,
    ContentRange,
    DeleteRequest,
    Deletion,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    ListQuery,
    ObjectBody,
    ObjectInfo,
    ObjectNotFound,
    ObjectPage,
    OperationTimeout,
    PreconditionFailed,
    Problem,
    ProviderInfo,
    Purpose,
    RateLimited,
    SavedObject,
    SignedUrl,
    Signing,
    StorageError,
    StorageOptions,
    Unauthenticated,
    Unavailable,
    ValidationReport,
    WriteRequest,
    hookimpl,
)
from tests.core.testing.shelf.server import sign

LONGEST = timedelta(days=7)


class ShelfOptions(StorageOptions):
    url: Annotated[str, ENDPOINT] = Field(title="URL")
    room: str = Field(title="Room")
    token: SecretStr = Field(title="Token")
    timeout: float = Field(default=5, title="Time limit")

    def base_uri(self):
        return f"shelf://{self.room}/"


class ShelfProvider:
    @hookimpl
    def describe(self):
        return ProviderInfo(
            name="shelf",
            title="Shelf",
            schemes=("shelf",),
            import_options=ShelfOptions,
            export_options=ShelfOptions,
            signing=Signing.LOCAL,
        )

    @hookimpl
    def validate(self, storage, request):
        try:
            page = self.list_objects(storage, ListQuery(request.prefix, limit=1))
            if storage.purpose is Purpose.EXPORT and request.probe_write:
                self._probe(storage, request.prefix + ".probe")
        except StorageError as error:
            return ValidationReport(find_status(error), (build_problem(error),))
        if storage.purpose is Purpose.IMPORT and not page.objects:
            problem = Problem("prefix", "nothing is there", "name another one")
            return ValidationReport(Availability.NOT_FOUND, (problem,))
        return ValidationReport(Availability.AVAILABLE)

    @hookimpl
    def list_objects(self, storage, query):
        asked = {
            "prefix": query.prefix,
            "delimiter": query.delimiter,
            "after": query.after_key,
            "upto": query.upto_key,
            "cursor": query.cursor,
            "limit": query.limit,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        encoded = urlencode(given, errors="surrogatepass")
        told = json.loads(send(storage, "GET", None, query=encoded).data)
        objects = tuple(
            ObjectInfo(key, size, etag, datetime.fromisoformat(changed), kind)
            for key, size, etag, changed, kind in told["objects"]
        )
        return ObjectPage(objects, tuple(told["prefixes"]), cursor=told["cursor"])

    @hookimpl
    def get_data(self, storage, request):
        headers = {}
        if request.if_match:
            headers["If-Match"] = request.if_match
        if (wanted := request.byte_range) and not request.metadata_only:
            first, last = wanted.first, wanted.last
            ends = ["" if each is None else str(each) for each in (first, last)]
            headers["Range"] = "bytes={}-{}".format(*ends)
        method = "HEAD" if request.metadata_only else "GET"
        with translate(storage, request.key):
            connection, response = begin(storage, method, request.key, headers)
        try:
            refuse(response, request.key)
        except BaseException:
            connection.close()
            raise
        return build_body(connection, response, request)

    @hookimpl
    def presign(self, storage, request):
        options = storage.options_as(ShelfOptions)
        if {".", ".."} & set(request.key.split("/")):
            raise InvalidKey("a URL cannot hold such a key", key=request.key)
        path = build_path(options, request.key)
        ttl = min(request.ttl, LONGEST)
        expires = time.time() + ttl.total_seconds()
        query = {
            "expires": str(expires),
            "type": request.content_type or "",
            "disposition": request.disposition or "",
        }
        token = options.token.get_secret_value()
        query["signature"] = sign(token, path, *query.values())
        url = f"{options.url}{path}?{urlencode(query)}"
        return SignedUrl(url, datetime.fromtimestamp(expires, UTC))

    @hookimpl
    def save_annotation(self, storage, request):
        headers = {"Content-Type": request.content_type}
        if request.condition.absent:
            headers["If-None-Match"] = "*"
        if request.condition.etag:
            headers["If-Match"] = request.condition.etag
        with request.content.open() as stream:
            data = stream.read()
        if len(data) != request.content.size:
            raise IntegrityError("the content ended early", key=request.key)
        response = send(storage, "PUT", request.key, headers=headers, data=data)
        return SavedObject(response.headers["ETag"])

    @hookimpl
    def delete_annotation(self, storage, request):
        etag = request.condition.etag
        headers = {"If-Match": etag} if etag else {}
        response = send(storage, "DELETE", request.key, headers=headers)
        return Deletion(**json.loads(response.data))

    def _probe(self, storage, key):
        request = WriteRequest(key, BytesContent(b""), "text/plain")
        self.save_annotation(storage, request)
        self.delete_annotation(storage, DeleteRequest(key))


def find_status(error):
    match error:
        case ContainerNotFound():
            return Availability.NOT_FOUND
        case Unauthenticated() | AccessDenied():
            return Availability.FORBIDDEN
    return Availability.UNREACHABLE


def build_problem(error):
    return Problem(error.field or "url", str(error), error.remedy or "try again")


def build_path(options, key):
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKey("the key is no text") from None
    if not 0 < size <= 1024 or "\0" in key:
        raise InvalidKey("a key has 1 to 1024 bytes and no U+0000", key=key)
    return f"/{options.room}/{quote(key)}"


def begin(storage, method, key, headers, query="", data=None):
    options = storage.options_as(ShelfOptions)
    path = f"/{options.room}" if key is None else build_path(options, key)
    host = urlsplit(options.url)
    connection = http.client.HTTPConnection(
        host.hostname, host.port, timeout=options.timeout
    )
    token = options.token.get_secret_value()
    sent = {"Authorization": f"Bearer {token}", "Connection": "close", **headers}
    try:
        connection.connect()
        if storage.check_peer:
            storage.check_peer(host.hostname, connection.sock.getpeername()[0])
        connection.request(method, f"{path}?{query}" if query else path, data, sent)
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise


def send(storage, method, key, *, query="", headers=None, data=None):
    with translate(storage, key):
        connection, response = begin(storage, method, key, headers or {}, query, data)
        try:
            response.data = response.read()
        finally:
            connection.close()
    refuse(response, key)
    return response


@contextmanager
def translate(storage, key):
    try:
        yield
    except TimeoutError as error:
        if isinstance(error, StorageError):
            raise
        raise OperationTimeout("the shelf does not answer", key=key) from error
    except (http.client.HTTPException, ConnectionError, OSError) as error:
        if isinstance(error, StorageError):
            raise
        raise Unavailable("the shelf cannot be reached", key=key) from error


class Refused(Exception):
    """What an SDK would raise."""


def refuse(response, key):
    if response.status < 300:
        return
    data = getattr(response, "data", None) or response.read()
    told = json.loads(data) if data.startswith(b"{") else {}
    raise build_error(response, told, key) from Refused(response.status)


def build_error(response, told, key):
    room = {"field": "room", "remedy": "name another one"}
    token = {"field": "token", "remedy": "take another one"}
    known = {
        401: lambda: Unauthenticated("unknown", key=key, **token),
        403: lambda: AccessDenied("not permitted", key=key, **token),
        404: lambda: ObjectNotFound("there is no such object", key=key),
        412: lambda: PreconditionFailed("the object has changed", key=key),
        416: lambda: InvalidRange("out of range", size=told.get("size", 0), key=key),
        429: lambda: build_delay(response, key),
    }
    if response.status == 404 and (key is None or told.get("what") == "room"):
        return ContainerNotFound("there is no such room", key=key, **room)
    if build := known.get(response.status):
        return build()
    return Unavailable(f"the shelf answered {response.status}", key=key)


def build_delay(response, key):
    after = response.headers.get("Retry-After")
    seconds = float(after) if after else None
    return RateLimited("too many requests", key=key, retry_after=seconds)


def build_body(connection, response, request):
    size = int(response.headers["X-Size"])
    info = ObjectInfo(
        request.key,
        size,
        response.headers["ETag"],
        datetime.fromisoformat(response.headers["Last-Modified-At"]),
        response.headers["Content-Type"],
    )
    found: ContentRange | None = None
    if request.byte_range and not request.metadata_only:
        found = request.byte_range.resolve(size)
    length = found.length if found else size
    left = 0 if request.metadata_only else length
    return ObjectBody(info, found, ShelfReader(connection, response, left))


class ShelfReader:
    def __init__(self, connection, response, left):
        self._connection, self._response, self._left = connection, response, left

    def read(self, size):
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        with translate(None, None):
            block = self._response.read1(wanted)
        if not block:
            raise IntegrityError("the body ended early")
        self._left -= len(block)
        return block

    def close(self):
        sock = self._connection.sock
        if sock is not None:
            sock.close()
        self._response.close()
        self._connection.close()

"""The JSON API: what the client library speaks."""

from __future__ import annotations

from tests.servers.gcs.accounts import CREATE, DELETE, LIST
from tests.servers.gcs.buckets import Conditions
from tests.servers.gcs.listings import list_objects
from tests.servers.gcs.media import reply_media
from tests.servers.gcs.messages import (
    ApiError,
    Reply,
    render_json_error,
    render_text_error,
    reply_json,
)
from tests.servers.gcs.rights import find_readable, require
from tests.servers.gcs.uploads import Uploads, check_hashes

PLAIN = "/storage/v1/b/"
DOWNLOAD = "/download/storage/v1/b/"
UPLOAD = "/upload/storage/v1/b/"


class JsonApi:
    """Objects of buckets, by JSON."""

    def __init__(self, server):
        self._server = server
        self.uploads = Uploads(self._store)

    def handles(self, request):
        return any(request.is_below(each) for each in (PLAIN, DOWNLOAD, UPLOAD))

    def handle(self, request):
        try:
            account = self._server.tokens.find_account(
                request.headers.get("Authorization")
            )
            return self._route(request, account)
        except ApiError as error:
            if request.query.get("alt") == "media":
                return render_text_error(error)
            return render_json_error(error)

    def _route(self, request, account):
        if request.is_below(UPLOAD):
            return self._upload(request, account)
        prefix = DOWNLOAD if request.is_below(DOWNLOAD) else PLAIN
        name, kind, *rest = [*request.split_path(prefix), "", ""][:4]
        bucket = self._server.find_bucket(name)
        if kind == "o" and rest[0]:
            return self._handle_object(request, account, bucket, rest[0])
        if request.method != "GET":
            raise ApiError(405, "methodNotAllowed", "Method not allowed")
        if kind == "o":
            require(account, bucket, LIST)
            return reply_json(list_objects(bucket, request, self._server.url))
        if kind == "iam":
            return self._test_permissions(request, account)
        # Nobody here may ask for the bucket itself.
        require(account, bucket, "storage.buckets.get")
        raise ApiError(404, "notFound", "Not Found")

    def _handle_object(self, request, account, bucket, name):
        if request.method == "DELETE":
            require(account, bucket, DELETE)
            bucket.delete(name, Conditions.of(request))
            return Reply(204)
        if request.method != "GET":
            raise ApiError(405, "methodNotAllowed", "Method not allowed")
        stored = find_readable(account, bucket, name)
        if request.number("generation") not in {None, stored.generation}:
            message = f"No such object: {bucket.name}/{name}"
            raise ApiError(404, "notFound", message)
        Conditions.of(request).check(stored, is_read=True)
        if request.query.get("alt") == "media":
            return reply_media(request, stored)
        return reply_json(stored.render(bucket.name, self._server.url))

    def _upload(self, request, account):
        if request.method == "PUT":
            return self.uploads.put(request)
        if request.method == "DELETE":
            return self.uploads.cancel(request)
        bucket = self._server.find_bucket(request.split_path(UPLOAD)[0])
        require(account, bucket, CREATE)
        if DELETE not in getattr(account, "permissions", ()):
            self._forbid_overwriting(request, account, bucket)
        return self.uploads.handle(request, bucket.name)

    def _forbid_overwriting(self, request, account, bucket):
        name = request.query.get("name", "")
        body = bytes(request.body[:2000]).decode(errors="replace")
        if name in bucket.objects or any(f'"{each}"' in body for each in bucket.names):
            require(account, bucket, DELETE)

    def _store(self, bucket_name, metadata, data, content_type, conditions):
        bucket = self._server.find_bucket(bucket_name)
        check_hashes(metadata, data)
        stored = bucket.put(
            metadata["name"],
            data,
            content_type or metadata.get("contentType"),
            encoding=metadata.get("contentEncoding"),
            conditions=conditions,
        )
        return reply_json(stored.render(bucket.name, self._server.url))

    def _test_permissions(self, request, account):
        asked = [value for name, value in request.pairs if name == "permissions"]
        held = getattr(account, "permissions", frozenset())
        granted = [each for each in asked if each in held]
        answer = {"kind": "storage#testIamPermissionsResponse"}
        return reply_json(answer | ({"permissions": granted} if granted else {}))

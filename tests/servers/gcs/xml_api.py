"""The XML API: what signed URLs lead to."""

from __future__ import annotations

from urllib.parse import unquote

from tests.servers.gcs.accounts import CREATE
from tests.servers.gcs.buckets import Conditions
from tests.servers.gcs.media import reply_media
from tests.servers.gcs.messages import ApiError, Reply, render_xml_error
from tests.servers.gcs.rights import find_readable, require
from tests.servers.gcs.signatures import check_signature, is_signed

OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}


class XmlApi:
    """Objects of buckets, by GET, HEAD and PUT of their path."""

    def __init__(self, server):
        self._server = server

    def handle(self, request):
        try:
            reply = self._route(request)
        except ApiError as error:
            reply = render_xml_error(error)
        self._allow_origin(request, reply)
        return reply

    def _route(self, request):
        bucket_name, _, name = request.path.removeprefix("/").partition("/")
        bucket = self._server.find_bucket(unquote(bucket_name))
        if request.method == "OPTIONS":
            return Reply(200)
        account = self._find_account(request)
        if request.method in {"GET", "HEAD"}:
            return self._read(request, account, bucket, unquote(name))
        if request.method == "PUT":
            require(account, bucket, CREATE)
            bucket.put(
                unquote(name),
                request.body,
                request.headers.get("Content-Type"),
                conditions=Conditions(),
            )
            return Reply(200)
        raise ApiError(405, "MethodNotAllowed", "The method is not allowed.")

    def _find_account(self, request):
        if is_signed(request):
            return check_signature(request, self._server.accounts)
        return self._server.tokens.find_account(request.headers.get("Authorization"))

    def _read(self, request, account, bucket, name):
        stored = find_readable(account, bucket, name)
        reply = reply_media(request, stored)
        for parameter, header in OVERRIDES.items():
            if parameter in request.query and account is not None:
                reply.headers[header] = request.query[parameter]
        return reply

    def _allow_origin(self, request, reply):
        origin = request.headers.get("Origin")
        name = unquote(request.path.split("/")[1])
        bucket = self._server.buckets.get(name)
        if origin and bucket and {origin, "*"} & bucket.origins:
            reply.headers["Access-Control-Allow-Origin"] = origin
            reply.headers["Vary"] = "Origin"

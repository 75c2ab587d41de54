"""Uploads: simple, multipart and resumable."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field

import google_crc32c

from tests.servers.gcs.buckets import Conditions
from tests.servers.gcs.messages import ApiError, Reply, reply_json

UNIT = 256 * 1024
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """A resumable upload that is under way."""

    bucket: str
    metadata: dict
    content_type: str
    conditions: Conditions
    data: bytearray = field(default_factory=bytearray)
    done: dict | None = None
    is_cancelled: bool = False


class Uploads:
    """What `/upload/storage/v1` does.

    Attributes:
        sessions: resumable uploads by their id.
        keep_next: of how many bytes at most the next blocks are kept.
        damage_next: how many objects yet are damaged on the way.
    """

    def __init__(self, store):
        self._store_undamaged = store
        self.sessions = {}
        self.keep_next = []
        self.damage_next = 0

    def _store(self, bucket, metadata, data, content_type, conditions):
        if self.damage_next:
            self.damage_next -= 1
            data = bytes([data[0] ^ 1]) + data[1:]
        return self._store_undamaged(bucket, metadata, data, content_type, conditions)

    def handle(self, request, bucket):
        """A POST that begins an upload, or is one."""
        kind = request.query.get("uploadType")
        if kind == "media":
            return self._upload_simple(request, bucket)
        if kind == "multipart":
            return self._upload_multipart(request, bucket)
        if kind == "resumable":
            return self._begin(request, bucket)
        raise ApiError(400, "invalidParameter", "Unknown uploadType")

    def find(self, request):
        """The session that a PUT or DELETE is for."""
        session = self.sessions.get(request.query.get("upload_id"))
        if session is None:
            raise ApiError(404, "notFound", "No such upload session")
        if session.is_cancelled:
            raise ApiError(499, "clientClosedRequest", "Client Closed Request")
        return session

    def _upload_simple(self, request, bucket):
        metadata = {"name": request.query.get("name", "")}
        content_type = request.headers.get("Content-Type")
        return self._store(
            bucket, metadata, request.body, content_type, Conditions.of(request)
        )

    def _upload_multipart(self, request, bucket):
        metadata, content_type, data = _split_parts(request)
        metadata.setdefault("name", request.query.get("name", ""))
        return self._store(bucket, metadata, data, content_type, Conditions.of(request))

    def _begin(self, request, bucket):
        metadata = json.loads(request.body or b"{}")
        metadata.setdefault("name", request.query.get("name", ""))
        content_type = request.headers.get("X-Upload-Content-Type", "")
        upload_id = secrets.token_urlsafe(24)
        self.sessions[upload_id] = Session(
            bucket, metadata, content_type, Conditions.of(request)
        )
        host = request.headers["Host"]
        location = (
            f"http://{host}/upload/storage/v1/b/{bucket}/o"
            f"?uploadType=resumable&upload_id={upload_id}"
        )
        return Reply(200, {"Location": location, "X-GUploader-UploadID": upload_id})

    def put(self, request):
        """A block of a resumable upload, or the question how far it is."""
        session = self.find(request)
        if session.done is not None:
            return reply_json(session.done)
        found = CONTENT_RANGE.fullmatch(request.headers.get("Content-Range", ""))
        if found is None:
            raise ApiError(400, "badRequest", "Invalid Content-Range")
        first, last, total = found.groups()
        if first is not None:
            self._take(session, request.body, int(first), int(last), total)
        if total == "*" or len(session.data) < int(total):
            return _go_on(session)
        return self._finish(session, request)

    def cancel(self, request):
        self.find(request).is_cancelled = True
        return Reply(499)

    def _take(self, session, block, first, last, total):
        if len(block) != last - first + 1:
            raise ApiError(400, "badRequest", "The body is not the announced range")
        if first > len(session.data):
            raise ApiError(400, "badRequest", "There is a gap before the range")
        is_final = total != "*" and last + 1 == int(total)
        if not is_final and len(block) % UNIT:
            raise ApiError(400, "badRequest", "Blocks are multiples of 256 KiB")
        if self.keep_next:
            kept = self.keep_next.pop(0)
            block = block[: max(0, kept)]
        # What has arrived already is ignored.
        session.data += block[len(session.data) - first :]

    def _finish(self, session, request):
        announced = request.headers.get("X-Goog-Hash", "")
        if announced.startswith("crc32c="):
            session.metadata["crc32c"] = announced.removeprefix("crc32c=")
        reply = self._store(
            session.bucket,
            session.metadata,
            bytes(session.data),
            session.content_type,
            session.conditions,
        )
        session.done = json.loads(reply.body)
        session.data.clear()
        return reply


def check_hashes(metadata, data):
    """Raise if the announced checksums are those of other bytes."""
    crc = base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    if metadata.get("crc32c") not in {None, crc}:
        message = (
            f'Provided CRC32C "{metadata["crc32c"]}" doesn\'t match calculated CRC32C '
            f'"{crc}".'
        )
        raise ApiError(400, "invalid", message)
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    if metadata.get("md5Hash") not in {None, md5}:
        message = f"Provided MD5 hash doesn't match calculated MD5 hash {md5}."
        raise ApiError(400, "invalid", message)


def _go_on(session):
    headers = {"X-GUploader-UploadID": "x"}
    if session.data:
        headers["Range"] = f"bytes=0-{len(session.data) - 1}"
    return Reply(308, headers)


def _split_parts(request):
    """Metadata, content type and bytes of a multipart/related body."""
    _, _, boundary = request.headers.get("Content-Type", "").partition("boundary=")
    mark = b"--" + boundary.strip('"').encode()
    parts = request.body.split(b"\r\n" + mark) if boundary else []
    if len(parts) != 3 or not parts[0].startswith(mark):
        raise ApiError(400, "badRequest", "Malformed multipart body")
    head, _, metadata = parts[0].partition(b"\r\n\r\n")
    head, _, data = parts[1].partition(b"\r\n\r\n")
    found = re.search(rb"content-type:\s*([^\r\n]*)", head, re.IGNORECASE)
    return json.loads(metadata), found[1].decode() if found else "", data

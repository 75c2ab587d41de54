"""The bytes of an object: whole, a range, packed or not."""

from __future__ import annotations

import gzip
import re
from email.utils import format_datetime

from tests.servers.gcs.messages import ApiError, Reply

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def reply_media(request, stored):
    """What a GET of an object's bytes is answered."""
    headers = build_headers(stored)
    accepted = request.headers.get("Accept-Encoding") or ""
    if stored.content_encoding == "gzip" and "gzip" not in accepted:
        # Decompressive transcoding; a Range header is ignored then.
        headers["Warning"] = "214 UploadServer gunzipped"
        del headers["Content-Encoding"]
        return Reply(200, headers, gzip.decompress(stored.data))
    found = RANGE.fullmatch(request.headers.get("Range") or "")
    if found is None or found.groups() == ("", ""):
        return Reply(200, headers, memoryview(stored.data))
    first, last = _resolve(found, len(stored.data))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(stored.data)}"
    return Reply(206, headers, memoryview(stored.data)[first : last + 1])


def build_headers(stored):
    """The headers that come with the bytes."""
    headers = {
        "Content-Type": stored.content_type,
        "ETag": f'"{stored.md5}"',
        "Last-Modified": format_datetime(stored.updated, usegmt=True),
        "Accept-Ranges": "bytes",
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Length": str(len(stored.data)),
        "X-Goog-Stored-Content-Encoding": stored.content_encoding or "identity",
    }
    if stored.content_encoding:
        headers["Content-Encoding"] = stored.content_encoding
    return headers


def _resolve(found, size):
    first, last = found.groups()
    if first:
        start = int(first)
        stop = min(int(last), size - 1) if last else size - 1
    else:
        start, stop = max(0, size - int(last)), size - 1
    if start > stop:
        raise ApiError(
            416,
            "requestedRangeNotSatisfiable",
            "The requested range cannot be satisfied.",
            "InvalidRange",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop

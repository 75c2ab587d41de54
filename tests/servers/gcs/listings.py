"""Listing a bucket, one page at a time."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left

from tests.servers.gcs.messages import ApiError

MAX_PAGE = 1000
FIELDS = re.compile(r"items\(([^)]*)\)")


def list_objects(bucket, request, url):
    """The answer of `objects.list`."""
    limit = min(request.number("maxResults") or MAX_PAGE, MAX_PAGE)
    token = request.query.get("pageToken")
    with bucket.lock:
        if bucket.empty_pages:
            bucket.empty_pages -= 1
            start = _read_token(token) if token else ""
            return {"kind": "storage#objects", "nextPageToken": _build_token(start)}
        items, prefixes, rest = _collect(bucket, request.query, limit, token)
    answer = {"kind": "storage#objects"}
    if items:
        answer["items"] = _pick(items, bucket, request.query.get("fields", ""), url)
    if prefixes:
        answer["prefixes"] = prefixes
    if rest is not None:
        answer["nextPageToken"] = _build_token(rest)
    return answer


def _collect(bucket, query, limit, token):
    """Objects and prefixes of a page, and the name from which to go on."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    end = query.get("endOffset")
    start = max(prefix, query.get("startOffset", ""))
    if token:
        start = max(start, _read_token(token))
    items, prefixes = [], []
    position = bisect_left(bucket.names, start)
    while position < len(bucket.names):
        name = bucket.names[position]
        if not name.startswith(prefix) or (end and name >= end):
            break
        if len(items) + len(prefixes) == limit:
            return items, prefixes, name
        folded = _fold(name, prefix, delimiter)
        if folded is None:
            items.append(bucket.objects[name])
            position += 1
        else:
            prefixes.append(folded)
            position = bisect_left(bucket.names, folded + "\U0010ffff" * 256)
    return items, prefixes, None


def _fold(name, prefix, delimiter):
    if not delimiter:
        return None
    end = name.find(delimiter, len(prefix))
    return None if end < 0 else name[: end + len(delimiter)]


def _pick(items, bucket, fields, url):
    """Partial responses: of `items` only the fields that were asked for."""
    found = FIELDS.search(fields)
    rendered = [stored.render(bucket.name, url) for stored in items]
    if found is None:
        return rendered
    names = found[1].split(",")
    return [{name: each[name] for name in names if name in each} for each in rendered]


def _build_token(name):
    return base64.urlsafe_b64encode(json.dumps([name]).encode()).decode()


def _read_token(token):
    try:
        return json.loads(base64.urlsafe_b64decode(token))[0]
    except (ValueError, LookupError):
        raise ApiError(400, "invalid", "Invalid page token.") from None

"""Requests, replies, and the three ways in which Google says that it will not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Request:
    """One request, as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in any case
    body: bytes

    def __post_init__(self):
        parts = urlsplit(self.target)
        self.path = parts.path
        self.pairs = parse_qsl(parts.query, keep_blank_values=True)
        self.query = dict(self.pairs)

    def split_path(self, prefix):
        """The segments after a prefix, each unquoted by itself."""
        rest = self.path.removeprefix(prefix)
        return [unquote(segment) for segment in rest.split("/")]

    def is_below(self, prefix):
        return self.path.startswith(prefix)

    def number(self, name):
        """A numeric parameter, None if it is not there."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise ApiError(400, "invalidParameter", f"Bad value of {name}") from None


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | memoryview = b""


class ApiError(Exception):
    """Something is wrong; the API that was asked decides how to say so.

    `reason` is the JSON API's word and `code` the XML API's.
    """

    def __init__(self, status, reason, message, code="", headers=None):
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.code = code or reason
        self.headers = headers or {}


def reply_json(value: Any, status=200):
    body = json.dumps(value).encode()
    return Reply(status, {"Content-Type": "application/json; charset=UTF-8"}, body)


def render_json_error(error):
    entry = {"message": error.message, "domain": "global", "reason": error.reason}
    problem = {"code": error.status, "message": error.message, "errors": [entry]}
    reply = reply_json({"error": problem}, error.status)
    reply.headers |= error.headers
    return reply


def render_text_error(error):
    headers = {"Content-Type": "text/html; charset=UTF-8", **error.headers}
    return Reply(error.status, headers, error.message.encode())


def render_xml_error(error):
    body = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error>"
    )
    headers = {"Content-Type": "application/xml; charset=UTF-8", **error.headers}
    return Reply(error.status, headers, body.encode())

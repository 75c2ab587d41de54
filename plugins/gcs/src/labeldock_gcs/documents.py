"""Credentials documents: what they must hold, and whom they may send requests to.

A document comes from whoever connects a storage. It names the hosts that tokens are
had from, and may name files and programs of this machine; none of that is followed
unless it is Google's, or the operator listed it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from labeldock.contract import Unauthenticated

if TYPE_CHECKING:
    from labeldock_gcs.options import GcsOperatorOptions

FIELD: Final = "google_application_credentials"

SERVICE_ACCOUNT: Final = "service_account"
EXTERNAL_ACCOUNT: Final = "external_account"
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    SERVICE_ACCOUNT: ("client_email", "private_key", "token_uri"),
    EXTERNAL_ACCOUNT: (
        "audience",
        "subject_token_type",
        "token_url",
        "credential_source",
    ),
}

# What is left out runs programs, or takes the identity of this machine: `executable`,
# `certificate`, and `environment_id` with its metadata server.
_SOURCES: Final = frozenset({"file", "url", "headers", "format"})

_UNIVERSE: Final = "googleapis.com"
_GOOGLE: Final = re.compile(r"([a-z0-9-]+\.)*googleapis\.com|accounts\.google\.com")
_URL: Final = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d+)?(/\S*)?")
_URL_FIELD: Final = re.compile(r"(^|_)(url|uri)$")

Document = dict[str, Any]
"""A JSON object, as it came."""


def parse_document(text: str) -> Document:
    """The JSON object that a document is.

    Raises:
        ValueError: it is none, or of a kind that is not taken, or lacks something.
    """
    try:
        # Keys are often pasted with real line breaks in their strings.
        document = json.loads(text, strict=False)
    except ValueError:
        raise ValueError("not JSON: paste the content of the file") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object: paste the content of the file")  # noqa: TRY004  pydantic wants it so
    kind = str(document.get("type"))
    if kind not in _NEEDED:
        raise ValueError(
            "neither the key of a service account (type service_account) nor a "
            "workload identity federation (type external_account)"
        )
    missing = [name for name in _NEEDED[kind] if not document.get(name)]
    if missing:
        raise ValueError(f"incomplete, it lacks {', '.join(missing)}")
    return document


def check_document(document: Document, operator: GcsOperatorOptions) -> None:
    """Refuse a document that leads elsewhere.

    Raises:
        Unauthenticated: it names a host, a file or a program that it must not.
    """
    universe = document.get("universe_domain", _UNIVERSE)
    if universe != _UNIVERSE:
        raise _refuse("is for another cloud than googleapis.com (universe_domain)")
    for name, url in _list_urls(document):
        _check_url(name, url, operator)
    if document["type"] == EXTERNAL_ACCOUNT:
        _check_source(document["credential_source"], operator)


def is_google(host: str) -> bool:
    """Whether a host is one of those that Google's credentials are for."""
    return _GOOGLE.fullmatch(host.lower()) is not None


def _check_url(name: str, url: object, operator: GcsOperatorOptions) -> None:
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise _refuse(f"has no plain address as {name}")
    scheme, host = found[1], found[2].strip("[]").lower()
    if host in operator.token_hosts:
        return
    if scheme != "https" or not is_google(host):
        raise _refuse(
            f"names the host {host} as {name}",
            "Use a document as Google gives it out, or have the host listed in "
            "LABELDOCK_GCS_TOKEN_HOSTS.",
        )


def _check_source(source: object, operator: GcsOperatorOptions) -> None:
    if not isinstance(source, dict) or not source.keys() <= _SOURCES:
        raise _refuse(
            "takes its token from something else than a file or an address",
            "Have the operator set up the server's own identity for that.",
        )
    file = source.get("file")
    if file is not None and file not in operator.token_files:
        raise _refuse(
            "reads its token from a file of the server",
            "Have the file listed in LABELDOCK_GCS_TOKEN_FILES.",
        )


def _list_urls(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Everything in a document that is an address, or stands where one is expected."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _list_urls(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _list_urls(item, name)
    elif value is not None and (_URL_FIELD.search(name) or "://" in str(value)):
        yield name, value


def _refuse(what: str, remedy: str | None = None) -> Unauthenticated:
    return Unauthenticated(
        f"The credentials document {what}, which is not allowed.",
        field=FIELD,
        remedy=remedy or "Use a document as Google gives it out.",
    )

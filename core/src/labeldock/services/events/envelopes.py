"""What notifications look like, and which objects they name.

The forms are those of the systems that carry them, told apart by shape: which provider
a storage is of does not matter. What an event says has happened is not trusted, only
the object's name is used: a run looks at the object itself. So it does not matter in
which order, or how often, events come.

| form | where the key is |
|---|---|
| S3 event JSON (also of MinIO and Ceph) | `Records[].s3.object.key`, quoted |
| the same in an SNS message | in the text `Message` |
| EventBridge | `detail.object.key` |
| Cloud Storage by Pub/Sub push | `message.attributes.objectId`, or in `message.data` |
| an object's metadata (`storage#object`) | `name` |
| Event Grid, and CloudEvents of it | `subject`, after `/blobs/` |
| Labeldock's own | `keys[]` |
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

import orjson

from labeldock.contract.errors import InvalidInput, TooLarge

MAX_EVENTS: Final = 5000
"""Most events in one body."""

_MAX_DEPTH: Final = 3
_SUBJECT: Final = re.compile(
    r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL
)
_TOPIC_HOST: Final = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_QUOTING: Final = {"aws:s3", "minio:s3"}
"""Sources of S3 events that are known to quote keys, as the format has it."""

_VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"


@dataclass(slots=True)
class Notice:
    """What one body says.

    Attributes:
        named: bucket (or None, if it is not told) and key of each object.
        unusable: how many events name no object that could be looked at.
        confirm_url: where a person confirms that the topic may send here.
        validation_code: what the sender wants to have back.
    """

    named: list[tuple[str | None, str]] = field(default_factory=list)
    unusable: int = 0
    confirm_url: str | None = None
    validation_code: str | None = None

    def add(self, container: object, key: object) -> None:
        """Note an object; what has no usable name is counted."""
        self.count()
        if isinstance(key, str) and key:
            self.named.append((container if isinstance(container, str) else None, key))
        else:
            self.unusable += 1

    def count(self) -> None:
        """Check that one event more is not one too many."""
        if len(self.named) + self.unusable >= MAX_EVENTS:
            raise TooLarge(
                f"There are more than {MAX_EVENTS} events in one body.",
                remedy="Have them sent in smaller batches.",
            )


def parse_notice(body: bytes) -> Notice:
    """Understand a body.

    Raises:
        InvalidInput: it is not JSON, or none of the known forms.
        TooLarge: it has too many events.
    """
    notice = Notice()
    document = _load(body)
    if document is None or not _read(document, notice, _MAX_DEPTH):
        raise InvalidInput(
            "This is no notification in a form that Labeldock knows.",
            remedy="See the page on bucket events in the documentation.",
        )
    return notice


def _load(text: str | bytes) -> Any:  # whatever JSON knows; None if it is none
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _read(document: Any, notice: Notice, depth: int) -> bool:
    """Note what a document says; False if it has no known form."""
    if depth == 0:
        return False
    if isinstance(document, list):
        return _read_batch(document, notice, depth)
    if not isinstance(document, dict):
        return False
    return any(read(document, notice, depth) for read in _FORMS)


def _read_batch(events: list[Any], notice: Notice, depth: int) -> bool:
    if not events:
        return True
    known = 0
    for event in events:
        notice.count()
        if isinstance(event, dict) and _read(event, notice, depth - 1):
            known += 1
        else:
            notice.unusable += 1
    return known > 0


# One function for each form: whether the document has it, and what it says


def _read_records(document: dict[str, Any], notice: Notice, _: int) -> bool:
    records = document.get("Records")
    if not isinstance(records, list):
        return document.get("Event") == "s3:TestEvent"
    for record in records:
        s3 = _get(record, "s3")
        container, key = _get(s3, "bucket", "name"), _get(s3, "object", "key")
        readings = [_unquote(key)]
        if _get(record, "eventSource") not in _QUOTING and readings != [key]:
            readings.append(key)  # Ceph's gateway writes keys as they are
        for name in filter(None, readings):
            notice.add(container, name)
        if not any(readings):
            notice.add(container, None)
    return True


def _read_topic(document: dict[str, Any], notice: Notice, depth: int) -> bool:
    kind = document.get("Type")
    if kind == "Notification" and isinstance(document.get("Message"), str):
        inner = _load(document["Message"])
        return inner is not None and _read(inner, notice, depth - 1)
    if kind == "SubscriptionConfirmation":
        notice.confirm_url = _check_confirmation(document.get("SubscribeURL"))
        return True
    return kind == "UnsubscribeConfirmation"


def _check_confirmation(url: object) -> str:
    """An address that may be shown to a person; nothing here opens it."""
    text = url if isinstance(url, str) and len(url) <= 2048 else ""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    is_plain = text.isascii() and text.isprintable() and "@" not in text.split("?")[0]
    if is_plain and text.startswith("https://") and _TOPIC_HOST.fullmatch(host):
        return text
    raise InvalidInput(
        "The address to confirm the subscription at is not one of SNS.",
        field="SubscribeURL",
    )


def _read_bridge(document: dict[str, Any], notice: Notice, _: int) -> bool:
    found = _get(document, "detail", "object")
    if not isinstance(found, dict):
        return False
    notice.add(_get(document, "detail", "bucket", "name"), found.get("key"))
    return True


def _read_push(document: dict[str, Any], notice: Notice, depth: int) -> bool:
    message = document.get("message")
    if not isinstance(message, dict):
        return False
    attributes = message.get("attributes")
    if isinstance(attributes, dict) and "objectId" in attributes:
        notice.add(attributes.get("bucketId"), attributes["objectId"])
        return True
    inner = _load(_decode(message.get("data")))
    return inner is not None and _read(inner, notice, depth - 1)


def _read_metadata(document: dict[str, Any], notice: Notice, _: int) -> bool:
    if document.get("kind") != "storage#object":
        return False
    notice.add(document.get("bucket"), document.get("name"))
    return True


def _read_grid(document: dict[str, Any], notice: Notice, _: int) -> bool:
    kind = document.get("eventType", document.get("type"))
    if not isinstance(kind, str) or "subject" not in document:
        return False
    if kind == _VALIDATION:
        code = _get(document, "data", "validationCode")
        if isinstance(code, str) and len(code) <= 1024:
            notice.validation_code = code
            return True
        return False
    found = _SUBJECT.fullmatch(str(document["subject"]))
    if found:
        notice.add(found[1], found[2])
        return True
    return False


def _read_cloud_event(document: dict[str, Any], notice: Notice, depth: int) -> bool:
    if "specversion" not in document:
        return False
    data = document.get("data")
    if isinstance(data, dict) and "bucket" in data and "name" in data:
        notice.add(data["bucket"], data["name"])
        return True
    return data is not None and _read(data, notice, depth - 1)


def _read_own(document: dict[str, Any], notice: Notice, _: int) -> bool:
    keys = document.get("keys")
    if not isinstance(keys, list):
        return False
    for key in keys:
        notice.add(document.get("bucket"), key)
    return True


_FORMS: Final[tuple[Callable[[dict[str, Any], Notice, int], bool], ...]] = (
    _read_records,
    _read_topic,
    _read_bridge,
    _read_push,
    _read_metadata,
    _read_grid,
    _read_cloud_event,
    _read_own,
)


# Reading what strangers have written


def _get(value: Any, *names: str) -> Any:  # None where the way ends
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _unquote(key: object) -> str | None:
    """A key as S3 quotes it in events; None if it is not UTF-8."""
    if not isinstance(key, str):
        return None
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return None


def _decode(data: object) -> bytes:
    if not isinstance(data, str):
        return b""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""


def iterate_keys(notice: Notice, container: str) -> Iterator[str]:
    """The keys that are meant for a bucket, or do not say for which."""
    for named, key in notice.named:
        if named is None or not container or named == container:
            yield key

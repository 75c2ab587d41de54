"""A project as flat rows: what each control of the label config came to.

One row for each annotation that was not cancelled: the keys of the task's data, a
column for each control (by its `from_name`), and who said it when. As Label Studio's
JSON_MIN, CSV and TSV have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from labeldock.services.context import AppContext
from labeldock.services.exporting.payloads import Document
from labeldock.services.exporting.selection import (
    Selection,
    decode,
    iterate_documents,
)

_SINGLE: Final = {"choices": "choices", "textarea": "text"}
"""Controls of which a single value is shown as itself, and where it is."""


def iterate_rows(app: AppContext, selection: Selection) -> Iterator[list[Document]]:
    """The rows of a project, in pages."""
    for page in iterate_documents(app, selection):
        yield [row for document in page for row in flatten(document)]


def flatten(document: Document) -> Iterator[Document]:
    """The rows of one task."""
    data = decode(document["data"])
    data = data if isinstance(data, dict) else {"data": data}
    for annotation in document["annotations"]:
        if annotation["was_cancelled"]:
            continue
        person = annotation["completed_by"]
        yield {
            **data,
            "id": document["id"],
            **_summarize(decode(annotation["result"])),
            "annotator": person and person["id"],
            "annotation_id": annotation["id"],
            "created_at": annotation["created_at"],
            "updated_at": annotation["updated_at"],
            "lead_time": annotation["lead_time"],
        }


def _summarize(result: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What each control came to: a value, or a list of regions."""
    said: dict[str, list[tuple[str, Any]]] = {}
    for region in result:
        name, value = region.get("from_name"), region.get("value")
        if isinstance(name, str) and isinstance(value, dict):
            kind = str(region.get("type", "")).lower()
            said.setdefault(name, []).append((kind, _shape(kind, region, value)))
    return {name: _unwrap(values) for name, values in said.items()}


def _shape(kind: str, region: Mapping[str, Any], value: dict[str, Any]) -> Any:
    inner = value.get(_SINGLE.get(kind, ""))
    if isinstance(inner, list) and len(inner) == 1:
        return inner[0]
    size = ("original_width", "original_height")
    return {**value, **{name: region[name] for name in size if name in region}}


def _unwrap(values: list[tuple[str, Any]]) -> Any:
    if len(values) == 1 and values[0][0] in _SINGLE:
        return values[0][1]
    return [value for _, value in values]

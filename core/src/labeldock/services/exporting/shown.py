"""Documents as the API hands them out: with every key that clients look for.

What is written to buckets has fewer keys; nothing is in these that is not in those, but
counts and what is always empty here.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from labeldock.services.exporting.payloads import Document

_OF_ANNOTATIONS: Final[Document] = {
    "draft_created_at": None,
    "prediction": {},
    "import_id": None,
    "last_action": None,
    "bulk_created": False,
    "parent_prediction": None,
    "parent_annotation": None,
    "last_created_by": None,
}
_OF_TASKS: Final[Document] = {
    "drafts": [],
    "file_upload": None,
    "comment_count": 0,
    "unresolved_comment_count": 0,
    "last_comment_updated_at": None,
    "comment_authors": [],
}


def show_document(document: Document) -> Document:
    """A task with all that was said about it; people by their numbers."""
    annotations = [_show_annotation(each) for each in document["annotations"]]
    cancelled = sum(bool(each["was_cancelled"]) for each in annotations)
    return {
        **document,
        **_OF_TASKS,
        "meta": _EMPTY if document["meta"] is None else document["meta"],
        "annotations": annotations,
        "total_annotations": len(annotations) - cancelled,
        "cancelled_annotations": cancelled,
        "total_predictions": len(document["predictions"]),
    }


_EMPTY: Final = orjson.Fragment(b"{}")


def _show_annotation(annotation: Document) -> Document:
    person: Any = annotation["completed_by"]
    return {
        **annotation,
        **_OF_ANNOTATIONS,
        "completed_by": person and person["id"],
    }

"""What Label Studio's API says of tasks, as the rows that they become here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from labeldock.db.types import escape_text
from labeldock.services.label_studio.writing import MovedTask, Values
from labeldock.services.resolving.restoring import restore_data

_LARGEST: Final = 2**31


def read_task(
    task: Values, people: Mapping[int, str], base: str, references: list[Values]
) -> MovedTask:
    """A task with what is about it, as the rows that they become.

    Args:
        task: as the API shows it.
        people: e-mail addresses by number.
        base: the address of the service, which media URLs may begin with.
        references: the objects that it was made from.

    Raises:
        InvalidInput: a media URL stands where its URI could not be told apart.
    """
    annotations = [_read_annotation(a, people) for a in task.get("annotations") or ()]
    predictions = [_read_prediction(p) for p in task.get("predictions") or ()]
    cancelled = sum(annotation["was_cancelled"] for annotation in annotations)
    made = _read_time(task.get("created_at"))
    row = {
        "inner_id": _read_count(task.get("inner_id"), 1),
        "data": restore_data(task.get("data"), (base,)),
        "meta": task.get("meta") or None,
        "overlap": _read_count(task.get("overlap"), 1),
        "allow_skip": task.get("allow_skip") is not False,
        "is_labeled": bool(task.get("is_labeled")),
        "total_annotations": len(annotations) - cancelled,
        "cancelled_annotations": cancelled,
        "total_predictions": len(predictions),
        "created_at": made,
        "updated_at": _read_time(task.get("updated_at") or made),
    }
    return MovedTask(row, annotations, predictions, references)


def _read_annotation(annotation: Values, people: Mapping[int, str]) -> Values:
    made = _read_time(annotation.get("created_at"))
    return {
        "completed_by": find_author(annotation, people),
        "result": annotation.get("result") or [],
        "was_cancelled": bool(annotation.get("was_cancelled")),
        "ground_truth": bool(annotation.get("ground_truth")),
        "lead_time": _read_number(annotation.get("lead_time")),
        "created_at": made,
        "updated_at": _read_time(annotation.get("updated_at") or made),
    }


def find_author(annotation: Values, people: Mapping[int, str]) -> str | None:
    """The address of who made an annotation; it is named in two ways."""
    author = annotation.get("completed_by")
    if isinstance(author, dict):
        address = author.get("email")
        return str(address) if address else None
    return people.get(author) if isinstance(author, int) else None


def _read_prediction(prediction: Values) -> Values:
    made = _read_time(prediction.get("created_at"))
    return {
        "result": prediction.get("result") or [],
        "score": _read_number(prediction.get("score")),
        "model_version": escape_text(str(prediction.get("model_version") or "")),
        "created_at": made,
        "updated_at": _read_time(prediction.get("updated_at") or made),
    }


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _read_count(value: object, usual: int) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 < value < _LARGEST else usual  # type: ignore[operator, return-value]


def _read_time(value: object) -> datetime:
    """A time; now, where there is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)

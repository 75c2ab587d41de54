"""A task in the API's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean
from typing import Any

from typing_extensions import TypedDict

from labeldock.services.tasks import TaskView
from labeldock.web.api.annotation_shape import (
    AnnotationShape,
    PredictionShape,
    shape_annotation,
    shape_prediction,
)
from labeldock.web.api.draft_shape import DraftShape
from labeldock.web.api.people import Names


class WorkShape(TypedDict):
    """What sums up the annotations and predictions of a task."""

    total_annotations: int
    cancelled_annotations: int
    total_predictions: int
    annotators: list[int]
    annotations_ids: str
    annotations_results: str
    completed_at: datetime | None
    avg_lead_time: float | None
    predictions_results: str
    predictions_score: float | None
    predictions_model_versions: str


class TaskShape(WorkShape):
    """A task."""

    id: int
    data: dict[str, Any] | list[Any]
    meta: dict[str, Any] | list[Any]
    project: int
    inner_id: int
    overlap: int
    allow_skip: bool
    is_labeled: bool
    created_at: datetime
    updated_at: datetime
    updated_by: list[dict[str, int]]
    storage_filename: str | None
    object_exists: bool | None
    object_changed: bool | None
    file_upload: str | None
    annotations: list[AnnotationShape]
    predictions: list[PredictionShape]
    drafts: list[DraftShape]
    draft_exists: bool
    comment_count: int
    unresolved_comment_count: int
    last_comment_updated_at: datetime | None
    comment_authors: list[int]


def shape_task(
    task: TaskView,
    names: Names,
    *,
    data: Any,
    drafts: Sequence[DraftShape] = (),
    expand: bool = False,
) -> TaskShape:
    """A task as JSON values.

    Args:
        task: the task.
        names: of those who annotated it.
        data: its data, resolved or as stored.
        drafts: those of whoever asks.
        expand: show who completed an annotation, not a number.
    """
    return {
        "id": task.id,
        "data": data,
        "meta": task.meta or {},
        "project": task.project_id,
        "inner_id": task.inner_id,
        "overlap": task.overlap,
        "allow_skip": task.allow_skip,
        "is_labeled": task.is_labeled,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "updated_by": [{"user_id": task.updated_by_id}] if task.updated_by_id else [],
        "storage_filename": task.key,
        "object_exists": task.object_exists,
        "object_changed": task.object_changed,
        "file_upload": None,
        **_shape_work(task),
        "annotations": [
            shape_annotation(a, names, expand=expand) for a in task.annotations
        ],
        "predictions": [shape_prediction(p) for p in task.predictions],
        "drafts": list(drafts),
        "draft_exists": bool(drafts),
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "comment_authors": [],
    }


def _shape_work(task: TaskView) -> WorkShape:
    """What sums up the annotations and predictions."""
    done = [a for a in task.annotations if not a.was_cancelled]
    times = [a.lead_time for a in task.annotations if a.lead_time is not None]
    scores = [p.score for p in task.predictions if p.score is not None]
    authors = {a.completed_by_id for a in task.annotations if a.completed_by_id}
    versions = {p.model_version for p in task.predictions if p.model_version}
    return {
        "total_annotations": task.total_annotations,
        "cancelled_annotations": task.cancelled_annotations,
        "total_predictions": task.total_predictions,
        "annotators": sorted(authors),
        "annotations_ids": ",".join(str(a.id) for a in task.annotations),
        "annotations_results": "",
        "completed_at": max((a.created_at for a in done), default=None),
        "avg_lead_time": fmean(times) if times else None,
        "predictions_results": "",
        "predictions_score": fmean(scores) if scores else None,
        "predictions_model_versions": ",".join(sorted(versions)),
    }

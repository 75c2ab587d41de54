"""A task in the API's words."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from labeldock.services.tasks import TaskView
from labeldock.web.api.annotation_shape import shape_annotation, shape_prediction
from labeldock.web.api.people import Names


def shape_task(
    task: TaskView, names: Names, *, data: Any, expand: bool = False
) -> dict[str, Any]:
    """A task as JSON values.

    Args:
        task: the task.
        names: of those who annotated it.
        data: its data, resolved or as stored.
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
        "drafts": [],
        "draft_exists": False,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "comment_authors": [],
    }


def _shape_work(task: TaskView) -> dict[str, Any]:
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

"""Annotations and predictions in the API's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from labeldock.services.annotations import AnnotationView, PredictionView
from labeldock.web.api.people import (
    Names,
    PersonShape,
    render_username,
    shape_person,
)
from labeldock.web.times import render_age


class AnnotationShape(TypedDict):
    """What somebody said about a task."""

    id: int
    result: list[dict[str, Any]]
    created_username: str
    created_ago: str
    completed_by: int | PersonShape | None
    was_cancelled: bool
    ground_truth: bool
    created_at: datetime
    updated_at: datetime
    draft_created_at: datetime | None
    lead_time: float | None
    import_id: int | None
    last_action: str | None
    bulk_created: bool
    task: int
    project: int
    updated_by: int | None
    parent_prediction: int | None
    parent_annotation: int | None
    last_created_by: int | None


class PredictionShape(TypedDict):
    """What a model said about a task."""

    id: int
    result: list[dict[str, Any]]
    model_version: str
    created_ago: str
    score: float | None
    cluster: int | None
    neighbors: dict[str, Any] | None
    mislabeling: float
    created_at: datetime
    updated_at: datetime
    model: int | None
    model_run: int | None
    task: int
    project: int


def shape_annotation(
    annotation: AnnotationView, names: Names, *, expand: bool = False
) -> AnnotationShape:
    """An annotation as JSON values; `expand` shows who completed it, not a number."""
    author: int | PersonShape | None = annotation.completed_by_id
    if expand:
        author = shape_person(names, annotation.completed_by_id)
    return {
        "id": annotation.id,
        "result": annotation.result,
        "created_username": render_username(names, annotation.completed_by_id),
        "created_ago": render_age(annotation.created_at),
        "completed_by": author,
        "was_cancelled": annotation.was_cancelled,
        "ground_truth": annotation.ground_truth,
        "created_at": annotation.created_at,
        "updated_at": annotation.updated_at,
        "draft_created_at": None,
        "lead_time": annotation.lead_time,
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": annotation.task_id,
        "project": annotation.project_id,
        "updated_by": annotation.updated_by_id,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }


def shape_prediction(prediction: PredictionView) -> PredictionShape:
    """A prediction as JSON values."""
    return {
        "id": prediction.id,
        "result": prediction.result,
        "model_version": prediction.model_version,
        "created_ago": render_age(prediction.created_at),
        "score": prediction.score,
        "cluster": None,
        "neighbors": None,
        "mislabeling": 0.0,
        "created_at": prediction.created_at,
        "updated_at": prediction.updated_at,
        "model": None,
        "model_run": None,
        "task": prediction.task_id,
        "project": prediction.project_id,
    }

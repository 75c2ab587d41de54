"""A project in the API's words: every key that clients know, and what it is here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from labeldock.services.label_outline import outline_label_config, weigh_labels
from labeldock.services.project_interface import ProjectInterface, show_interface
from labeldock.services.projects import ProjectView
from labeldock.web.api.people import Names, PersonShape, shape_person


class ProjectShape(ProjectInterface):
    """A project. Fields with a value here are Label Studio's alone: "as usual"."""

    is_draft: bool = False
    annotator_evaluation_enabled: bool = False
    task_data_login: str | None = None
    task_data_password: str | None = None
    parsed_label_config: dict[str, Any] = Field(default_factory=dict)
    config_has_control_tags: bool = False
    pinned_at: datetime | None = None
    queue_done: int | None = None
    config_suitable_for_bulk_annotation: bool | None = None
    state: str | None = None
    id: int
    organization: int
    title: str
    description: str
    label_config: str
    maximum_annotations: int
    created_by: PersonShape | None
    created_at: datetime
    updated_at: datetime
    task_number: int
    finished_task_number: int
    queue_total: int
    total_annotations_number: int
    total_predictions_number: int
    num_tasks_with_annotations: int
    useful_annotation_number: int
    ground_truth_number: int
    skipped_annotations_number: int


_CONSTANTS: Final = {
    name: ProjectShape.model_fields[name].get_default(call_default_factory=True)
    for name in ProjectShape.__annotations__
    if not ProjectShape.model_fields[name].is_required()
}


def shape_project(project: ProjectView, names: Names) -> dict[str, Any]:
    """A project as JSON values."""
    interface = show_interface(project.interface)
    outline = outline_label_config(project.label_config)
    weights = weigh_labels(project.label_config, interface["control_weights"])
    return {
        **_CONSTANTS,
        **interface,
        "control_weights": weights,
        "parsed_label_config": outline,
        "config_has_control_tags": bool(outline),
        "id": project.id,
        "organization": project.organization_id,
        "title": project.title,
        "description": project.description,
        "label_config": project.label_config,
        "maximum_annotations": project.maximum_annotations,
        "created_by": shape_person(names, project.created_by_id),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
        "task_number": project.task_number,
        "finished_task_number": project.finished_task_number,
        "queue_total": project.task_number,
        "total_annotations_number": project.total_annotations_number,
        "total_predictions_number": project.total_predictions_number,
        "num_tasks_with_annotations": project.num_tasks_with_annotations,
        "useful_annotation_number": project.useful_annotation_number,
        "ground_truth_number": project.ground_truth_number,
        "skipped_annotations_number": project.skipped_annotations_number,
    }

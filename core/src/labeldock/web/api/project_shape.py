"""A project in the API's words: every key that clients know, and what it is here."""

from __future__ import annotations

from typing import Any, Final

from labeldock.services.project_interface import show_interface
from labeldock.services.projects import ProjectView
from labeldock.web.api.people import Names, shape_person

# What Label Studio's projects have and ours do not: the value that means "as usual".
_CONSTANTS: Final[dict[str, Any]] = {
    "organization": 1,
    "is_draft": False,
    "num_tasks_with_annotations": None,
    "useful_annotation_number": None,
    "ground_truth_number": None,
    "skipped_annotations_number": None,
    "annotator_evaluation_enabled": False,
    "task_data_login": None,
    "task_data_password": None,
    "parsed_label_config": {},
    "config_has_control_tags": None,
    "pinned_at": None,
    "queue_done": None,
    "config_suitable_for_bulk_annotation": None,
    "state": None,
}


def shape_project(project: ProjectView, names: Names) -> dict[str, Any]:
    """A project as JSON values."""
    return {
        **_CONSTANTS,
        **show_interface(project.interface),
        "id": project.id,
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
    }

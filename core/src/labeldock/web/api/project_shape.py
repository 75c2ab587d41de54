"""A project in the API's words: every key that clients know, and what it is here."""

from __future__ import annotations

from typing import Any, Final

from labeldock.services.projects import ProjectView
from labeldock.web.api.people import Names, shape_person

# What Label Studio's projects have and ours do not: the value that means "as usual".
_CONSTANTS: Final[dict[str, Any]] = {
    "expert_instruction": "",
    "show_instruction": False,
    "show_skip_button": True,
    "enable_empty_annotation": True,
    "show_annotation_history": False,
    "organization": 1,
    "color": "#FFFFFF",
    "is_published": True,
    "model_version": "",
    "is_draft": False,
    "min_annotations_to_start_training": 0,
    "start_training_on_annotation_update": False,
    "show_collab_predictions": True,
    "num_tasks_with_annotations": None,
    "useful_annotation_number": None,
    "ground_truth_number": None,
    "skipped_annotations_number": None,
    "sampling": "Sequential sampling",
    "show_ground_truth_first": False,
    "annotator_evaluation_enabled": False,
    "show_overlap_first": False,
    "overlap_cohort_percentage": 100,
    "task_data_login": None,
    "task_data_password": None,
    "control_weights": {},
    "parsed_label_config": {},
    "evaluate_predictions_automatically": False,
    "config_has_control_tags": None,
    "skip_queue": "REQUEUE_FOR_OTHERS",
    "reveal_preannotations_interactively": False,
    "pinned_at": None,
    "queue_done": None,
    "config_suitable_for_bulk_annotation": None,
    "state": None,
}


def shape_project(project: ProjectView, names: Names) -> dict[str, Any]:
    """A project as JSON values."""
    return {
        **_CONSTANTS,
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

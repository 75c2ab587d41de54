"""The counters of a project as they are kept, and as its rows are."""

from __future__ import annotations

from sqlmodel import select

from labeldock.db.tables import Annotation, Prediction, Project, Task

NAMES = (
    "task_number", "finished_task_number", "total_annotations_number",
    "total_predictions_number", "num_tasks_with_annotations",
    "useful_annotation_number", "ground_truth_number", "skipped_annotations_number",
)  # fmt: skip


def read_counters(place):
    """As they are kept."""
    with place.app.database.read() as session:
        project = session.get(Project, place.project)
        return {name: getattr(project, name) for name in NAMES}


def count_again(place):
    """As they are."""
    with place.app.database.read() as session:
        tasks, said, predicted = (
            session.exec(select(table).where(table.project_id == place.project)).all()
            for table in (Task, Annotation, Prediction)
        )
    useful = [a for a in said if not a.was_cancelled and not a.ground_truth]
    return {
        "task_number": len(tasks),
        "finished_task_number": sum(task.is_labeled for task in tasks),
        "total_annotations_number": sum(not a.was_cancelled for a in said),
        "total_predictions_number": len(predicted),
        "num_tasks_with_annotations": len({a.task_id for a in useful}),
        "useful_annotation_number": len(useful),
        "ground_truth_number": sum(a.ground_truth for a in said),
        "skipped_annotations_number": sum(a.was_cancelled for a in said),
    }

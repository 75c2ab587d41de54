"""Under which key an annotation, or its task, lies in an export storage."""

from __future__ import annotations

from labeldock.db.tables import Storage
from labeldock.services.storage_fields import join_prefix
from labeldock.settings import Settings


def is_task_mode(settings: Settings) -> bool:
    """Whether files hold a task with all its annotations, not single annotations."""
    return settings.future_save_task_to_storage


def build_key(
    settings: Settings, storage: Storage, annotation_id: int, task_id: int
) -> str:
    """The whole key: the storage's prefix, joined once, and the annotation's number.

    In task mode it is the task's number, with `.json` unless that is switched off.
    """
    prefix = join_prefix(storage.prefix, is_literal=storage.literal_prefix)
    if not is_task_mode(settings):
        return f"{prefix}{annotation_id}"
    extension = ".json" if settings.future_save_task_to_storage_json_ext else ""
    return f"{prefix}{task_id}{extension}"

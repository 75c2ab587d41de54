"""What a file of an export storage holds, and how items are spread over files."""

from __future__ import annotations

from enum import StrEnum


class Payload(StrEnum):
    """What is written about an annotation.

    ANNOTATION: the annotation alone. ANNOTATION_WITH_TASK: the annotation, with its
    task inside. TASK: the task, with all its annotations and predictions.
    """

    ANNOTATION = "annotation"
    ANNOTATION_WITH_TASK = "annotation_with_task"
    TASK = "task"


class Layout(StrEnum):
    """How items are spread over files.

    FILES: one file for each. JSONL: one file of lines, which each run replaces.
    PARQUET: one file for each run.
    """

    FILES = "files"
    JSONL = "jsonl"
    PARQUET = "parquet"

"""Settings of a project that are kept for those who draw its pages.

Scripts set them, and read them back; the console's labelling heeds some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labeldock.contract.values import Problem
from labeldock.db.types import dump_json, escape_text

_MOST_TEXT: Final = 100_000
_MOST_WEIGHTS: Final = 100_000


class ProjectInterface(BaseModel):
    """The settings, and what they are unless somebody says otherwise."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    expert_instruction: str = Field(default="", max_length=_MOST_TEXT)
    show_instruction: bool = False
    show_skip_button: bool = True
    enable_empty_annotation: bool = True
    show_annotation_history: bool = False
    color: str = Field(default="#FFFFFF", max_length=16)
    is_published: bool = False
    model_version: str = Field(default="", max_length=1000)
    min_annotations_to_start_training: int = Field(default=0, ge=0, lt=2**31)
    start_training_on_annotation_update: bool = False
    show_collab_predictions: bool = True
    sampling: Literal[
        "Sequential sampling", "Uniform sampling", "Uncertainty sampling"
    ] = "Sequential sampling"
    show_ground_truth_first: bool = False
    show_overlap_first: bool = False
    overlap_cohort_percentage: int = Field(default=100, ge=0, le=100)
    control_weights: dict[str, Any] = Field(default_factory=dict)
    evaluate_predictions_automatically: bool = False
    reveal_preannotations_interactively: bool = False
    skip_queue: Literal["REQUEUE_FOR_ME", "REQUEUE_FOR_OTHERS", "IGNORE_SKIPPED"] = (
        "REQUEUE_FOR_OTHERS"
    )


INTERFACE_FIELDS: Final = frozenset(ProjectInterface.model_fields)


def show_interface(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """All settings: those that were set, and the others as usual."""
    return {**ProjectInterface().model_dump(), **(stored or {})}


def check_interface(
    values: Mapping[str, Any],
) -> tuple[dict[str, Any], list[Problem]]:
    """Those of the values that are such settings, and what is wrong with them."""
    given = {
        name: value
        for name, value in values.items()
        if name in INTERFACE_FIELDS and value is not None
    }
    try:
        checked = ProjectInterface.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        return {}, [
            Problem(str(d["loc"][0]), d["msg"], code=d["type"]) for d in details
        ]
    kept = checked.model_dump(include=set(given))
    problems = [
        Problem(name, "Not a valid string.", "Give text without U+0000.")
        for name, value in kept.items()
        if isinstance(value, str) and escape_text(value) != value
    ]
    if len(dump_json(kept.get("control_weights"))) > _MOST_WEIGHTS:
        problems.append(Problem("control_weights", "Too long."))
    return kept, problems

"""A run in the API's words."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from typing_extensions import TypedDict

from labeldock.services.runs import RunView


class RunShape(TypedDict):
    """A piece of work on a storage: what it does, how far it is, what went wrong."""

    id: int
    storage: int | None
    project: int | None
    kind: str
    state: str
    trigger: str
    attempts: int
    counts: dict[str, int]
    problem: dict[str, Any] | None
    interruptions: list[dict[str, Any]]
    cancelled_by: str
    queued_at: datetime
    started_at: datetime | None
    last_ping_at: datetime | None
    finished_at: datetime | None


def shape_run(run: RunView) -> RunShape:
    """A run as JSON values."""
    values = asdict(run)
    values["storage"] = values.pop("storage_id")
    values["project"] = values.pop("project_id")
    return cast("RunShape", values)

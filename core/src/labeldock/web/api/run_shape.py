"""A run in the API's words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from labeldock.services.runs import RunView


def shape_run(run: RunView) -> dict[str, Any]:
    """A run as JSON values."""
    values = asdict(run)
    values["storage"] = values.pop("storage_id")
    values["project"] = values.pop("project_id")
    return values

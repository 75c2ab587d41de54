"""What the last run of a storage came to, in the words that API and console share."""

from __future__ import annotations

from typing import Any, Final

from labeldock.contract.values import Purpose
from labeldock.services.runs import RunView
from labeldock.services.storages import StorageView

_LABELS: Final = {
    "field": "Field",
    "key": "Key",
    "remedy": "What to do",
    "correlation_id": "Correlation id",
}


def count_done(run: RunView | None) -> int | None:
    """What the last run has brought so far: tasks created, or objects delivered."""
    if run is None or run.started_at is None:
        return None
    return run.counts.get("created" if run.kind == Purpose.IMPORT else "delivered", 0)


def explain_failure(storage: StorageView) -> str | None:
    """What went wrong and what to do, for people; None if nothing did.

    Frames of the code are in the log alone, under the correlation id.
    """
    run = storage.run
    if storage.attention:
        return storage.attention
    if run is None:
        return None
    if run.state == "cancelled":
        return f"cancelled by {run.cancelled_by}"
    if run.problem:
        return render_problem(run.problem)
    if run.state == "completed_with_errors":
        failed = run.counts.get("failed", 0)
        objects = "1 object" if failed == 1 else f"{failed} objects"
        return f"{objects} failed; see /api/runs/{run.id}/errors"
    return None


def render_problem(problem: dict[str, Any]) -> str:
    """A run's problem as text, one finding per line."""
    lines = [f"{problem.get('code', 'error')}: {problem.get('message', '')}"]
    lines += [
        f"{label}: {problem[name]}"
        for name, label in _LABELS.items()
        if problem.get(name)
    ]
    return "\n".join(lines)

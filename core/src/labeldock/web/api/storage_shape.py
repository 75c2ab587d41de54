"""A storage in the API's words. What its sync came to is read off its last run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from labeldock.contract.values import Purpose
from labeldock.services.runs import RunView
from labeldock.services.storages import StorageView
from labeldock.web.explanations import count_done, explain_failure

_FAILURES = {"failed", "cancelled"}


def shape_storage(storage: StorageView) -> dict[str, Any]:
    """A storage as JSON values; a secret is not even named."""
    run = storage.run
    is_active = run is not None and run.is_active
    return {
        "id": storage.id,
        "type": storage.api_type,
        **storage.settings,
        **storage.fields,
        "project": storage.project_id,
        "created_at": storage.created_at,
        "status": storage.status,
        "last_sync": None if is_active else storage.last_success_at,
        "last_sync_count": count_done(run),
        "last_sync_job": str(run.id) if run else None,
        "traceback": explain_failure(storage),
        "next_run_at": storage.next_run_at,
        "meta": shape_meta(storage.purpose, run) if run else {},
    }


def shape_meta(purpose: Purpose, run: RunView) -> dict[str, Any]:
    """When the last run did what, and what it found there already."""
    has_failed = run.state in _FAILURES
    times = {
        "time_queued": run.queued_at,
        "time_in_progress": run.started_at,
        "time_last_ping": run.last_ping_at,
        "time_failure" if has_failed else "time_completed": run.finished_at,
    }
    values = {
        "attempts": run.attempts + 1,
        # With a space, unlike all other times: that is how clients know them.
        **{name: time and str(time) for name, time in times.items()},
        "duration": measure_duration(run),
        "tasks_existed": run.counts.get("existed", 0),
    }
    if purpose is Purpose.EXPORT:
        values["total_annotations"] = run.counts.get("total", 0)
    elif run.counts.get("failed"):
        values["tasks_failed_validation"] = run.counts["failed"]
    return {name: value for name, value in values.items() if value is not None}


def measure_duration(run: RunView) -> float | None:
    """Seconds that a run has worked; None before it began."""
    end: datetime | None = run.finished_at or run.last_ping_at
    if run.started_at is None or end is None:
        return None
    return max(0.0, (end - run.started_at).total_seconds())

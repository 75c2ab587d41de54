"""Backups and restores as lines of a page: kinds told apart, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from labeldock.services.backups.requests import RequestView
from labeldock.web.api.requests import shape_request

_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "queued": ("idle", "Queued"),
    "started": ("busy", "Under way"),
    "finished": ("good", "Done"),
    "failed": ("bad", "Failed"),
}


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request as the pages show it; paths are empty where there is nothing to do."""

    id: str
    title: str
    kind: str
    tone: str
    status: str
    percent: int | None
    message: str
    filename: str
    where: str
    size: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    download: str
    result: str
    is_active: bool


def view_request(view: RequestView) -> RequestLine:
    """The line of a request."""
    tone, status = _STATES[view.status]
    is_active = view.status in {"queued", "started"}
    return RequestLine(
        id=view.id,
        title=_name(view),
        kind=_find_kind(view),
        tone=tone,
        status=status,
        percent=None if view.progress is None else int(100 * view.progress),
        message=view.message,
        filename=view.filename,
        where=view.result_key if view.location == "cloud_storage" else "",
        size=view.size,
        created_at=view.created_at,
        finished_at=view.finished_at,
        expires_at=view.expires_at,
        download=(shape_request(view)["result_url"] or "") if view.has_file else "",
        result=f"/projects/{view.result_id}/" if view.result_id else "",
        is_active=is_active,
    )


def _name(view: RequestView) -> str:
    if view.action == "import":
        return "Restore"
    if view.target == "task":
        return f"Backup of task {view.target_id}"
    return "Scheduled backup" if view.is_scheduled else "Backup"


def _find_kind(view: RequestView) -> str:
    if view.action == "import":
        return ""
    return "lightweight" if view.lightweight else "full"

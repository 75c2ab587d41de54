"""Drafts in the API's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from labeldock.services.access import Principal
from labeldock.services.drafts import DraftView
from labeldock.web.times import render_age


class DraftShape(TypedDict):
    """What somebody has begun to say about a task."""

    id: int
    user: str
    created_username: str
    created_ago: str
    result: list[dict[str, Any]]
    lead_time: float | None
    was_postponed: bool
    import_id: int | None
    created_at: datetime
    updated_at: datetime
    task: int
    annotation: int | None


def shape_draft(draft: DraftView, author: Principal) -> DraftShape:
    """A draft as JSON values, for its author."""
    name = f"{author.first_name} {author.last_name}".strip()
    return {
        "id": draft.id,
        "user": author.email,
        "created_username": f"{name} {author.email}, {author.user_id}".strip(),
        "created_ago": render_age(draft.created_at),
        "result": draft.result,
        "lead_time": draft.lead_time,
        "was_postponed": draft.was_postponed,
        "import_id": None,
        "created_at": draft.created_at,
        "updated_at": draft.updated_at,
        "task": draft.task_id,
        "annotation": draft.annotation_id,
    }

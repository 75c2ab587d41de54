"""Tasks as tiles: the picture that they show, or else how their text begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from labeldock.services import tasks
from labeldock.services.projects import ProjectView
from labeldock.services.resolving.data import Resolver, load_resolver
from labeldock.services.task_walk import TaskFilter, walk_tasks
from labeldock.services.tasks import TaskView
from labeldock.web.endpoints import Call

_PIXELS: Final = 384  # as wide as tiles are drawn on dense screens
_IMAGES: Final = (
    ".apng", ".avif", ".bmp", ".gif", ".ico", ".jfif", ".jpeg", ".jpg", ".png", ".webp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaskTile:
    """A task with its picture, or else with the beginning of its text."""

    id: int
    inner_id: int
    name: str
    path: str
    image: str | None
    media: str | None
    text: str
    key: str
    is_labeled: bool
    annotations: int
    skipped: int
    trouble: str
    updated_at: datetime


def load_first_tiles(call: Call, project: ProjectView, limit: int) -> list[TaskTile]:
    """The first tasks of a project."""
    found = walk_tasks(call.app, call.principal, project.id, TaskFilter(), limit=limit)
    return load_tiles(call, project, found.ids)


def load_tiles(call: Call, project: ProjectView, ids: Sequence[int]) -> list[TaskTile]:
    """Some tasks of a project."""
    found = tasks.list_briefs(call.app, call.principal, project.id, ids)
    loaded = load_resolver(call.app, project.id, project.label_config)
    # Pictures of our own pages: wherever a browser found the page, it finds them too.
    resolver = replace(loaded, public_url="")
    return [view_task(task, resolver) for task in found]


def view_task(task: TaskView, resolver: Resolver) -> TaskTile:
    """A task as a tile of a page."""
    resolved = resolver.resolve(task)
    texts = list(_pair_texts(task.data, resolved))
    own = f"/tasks/{task.id}/resolve/"
    media = [(raw, url) for raw, url in texts if url.startswith(own)]
    pictures = [url for raw, url in media if raw.lower().endswith(_IMAGES)]
    plain = [raw for raw, url in texts if not url.startswith(own)]
    return TaskTile(
        id=task.id,
        inner_id=task.inner_id,
        name=name_task(task, media),
        path=f"/projects/{task.project_id}/tasks/{task.id}/",
        image=f"{pictures[0]}&size={_PIXELS}" if pictures else None,
        media=next((url for _, url in media), None),
        text=" ".join(plain)[:160],
        key=task.key or "",
        is_labeled=task.is_labeled,
        annotations=task.total_annotations,
        skipped=task.cancelled_annotations,
        trouble=_find_trouble(task),
        updated_at=task.updated_at,
    )


def _find_trouble(task: TaskView) -> str:
    """What is wrong with the object that it was made from."""
    if task.object_exists is False:
        return "object gone"
    return "object changed" if task.object_changed else ""


def _pair_texts(data: Any, resolved: Any) -> Iterator[tuple[str, str]]:
    """Top-level texts, as stored and as resolved; a key may have been renamed."""
    stored = data.values() if isinstance(data, dict) else data
    shown = resolved.values() if isinstance(resolved, dict) else resolved
    for raw, url in zip(stored, shown, strict=True):
        if isinstance(raw, str) and isinstance(url, str):
            yield raw, url


def name_task(task: TaskView, media: list[tuple[str, str]]) -> str:
    """The file that it is about, or else its number."""
    path = media[0][0] if media else task.key or ""
    name = path.rstrip("/").rpartition("/")[2] or f"Task {task.inner_id}"
    if task.row_index is None or media:
        return name
    group = "" if task.row_group is None else f"{task.row_group + 1}."
    return f"{name}:{group}{task.row_index + 1}"

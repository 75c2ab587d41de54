"""What the demo's tasks are labelled with, and which it labels by itself."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from labeldock.cli.demo.samples import KINDS, LANDSCAPE
from labeldock.services.tasks import TaskView

SAMPLE_CHOICES: Final = tuple(kind.capitalize() for kind in (*KINDS, LANDSCAPE))
FOLDER_CHOICES: Final = ("Keep", "Look again", "Discard")
OF_EACH_STORAGE: Final = 4
_PICTURES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_LOOKED_AT: Final = 200


def build_config(choices: Sequence[str], *, has_pictures: bool) -> str:
    """A label config: each task is shown and sorted into one of the choices."""
    tag, key = ("Image", "image") if has_pictures else ("Text", "file")
    lines = [f"    <Choice value={quoteattr(choice)}/>" for choice in choices]
    return "\n".join(
        (
            "<View>",
            f'  <{tag} name="item" value="${key}"/>',
            '  <Choices name="kind" toName="item" choice="single-radio">',
            *lines,
            "  </Choices>",
            "</View>",
        )
    )


def has_pictures(folder: Path) -> bool:
    """Whether most of the files are pictures, by the names of the first ones."""
    names = (name for _, _, files in os.walk(folder) for name in files)
    first = [name.lower() for name in itertools.islice(names, _LOOKED_AT)]
    return 2 * sum(name.endswith(_PICTURES) for name in first) >= len(first)


def choose_tasks(tasks: Iterable[TaskView]) -> list[TaskView]:
    """What is still to be labelled, so that a few tasks of each storage are."""
    of_storages: dict[int | None, list[TaskView]] = {}
    for task in tasks:
        of_storages.setdefault(task.storage_id, []).append(task)
    return [task for found in of_storages.values() for task in _choose_some(found)]


def _choose_some(tasks: Sequence[TaskView]) -> list[TaskView]:
    """Tasks without annotations, far apart from one another."""
    open_tasks = [task for task in tasks if not task.annotations]
    missing = OF_EACH_STORAGE - (len(tasks) - len(open_tasks))
    if missing <= 0:
        return []
    step = max(1, len(open_tasks) // missing)
    return open_tasks[::step][:missing]


def build_result(task: TaskView) -> list[dict[str, Any]]:
    """What somebody would say about a task who looked at it."""
    return [
        {
            "id": f"demo-{task.inner_id}",
            "from_name": "kind",
            "to_name": "item",
            "type": "choices",
            "value": {"choices": [_choose(task)]},
        }
    ]


def _choose(task: TaskView) -> str:
    name = (task.key or "").rpartition("/")[2].lower()
    for kind in KINDS:
        if name.startswith(f"{kind}-"):
            return kind.capitalize()
    if isinstance(task.data, dict) and "Landscape" in str(task.data.get("title")):
        return LANDSCAPE.capitalize()
    return FOLDER_CHOICES[0]


def describe_label(task: TaskView) -> str:
    """The label of a task and its object, in a few words."""
    result = task.annotations[0].result
    try:
        label = result[0]["value"]["choices"][0]
    except (IndexError, KeyError, TypeError):
        label = "labelled by hand"
    return f"task {task.inner_id}: {label} ({task.key})"

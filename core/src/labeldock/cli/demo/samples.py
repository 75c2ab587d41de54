"""The sample files of the demo: pictures, task files, and a broken one on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS: Final = ("circle", "hexagon", "ring", "square", "star", "triangle")
LANDSCAPE: Final = "landscape"
OF_EACH_KIND: Final = 5
IN_LINES: Final = 8
IN_ARRAY: Final = 4
BROKEN: Final = '[\n  {"data": {"image": "a picture"}},\n  {"data": {"image": \n'


@dataclass(frozen=True, slots=True)
class SampleFolders:
    """Where the samples lie."""

    media: Path
    tasks: Path


def make_samples(folder: Path) -> SampleFolders:
    """Draw and write what is not there yet; what is there stays as it is."""
    from labeldock.cli.demo.drawing import draw_landscape, draw_shape

    folders = SampleFolders(folder / "media", folder / "tasks")
    for kind in KINDS:
        for number in range(1, OF_EACH_KIND + 1):
            path = folders.media / f"{kind}-{number}.png"
            _make(path, partial(_draw, draw_shape, kind, number))
    for number in range(1, IN_LINES + IN_ARRAY + 1):
        path = _name_landscape(folders.tasks, number)
        _make(path, partial(_draw, draw_landscape, number))
    _make_task_files(folders.tasks)
    return folders


def _name_landscape(folder: Path, number: int) -> Path:
    return folder / "images" / f"{LANDSCAPE}-{number}.png"


def _make(path: Path, build: Callable[[], bytes]) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(build())
    unfinished.replace(path)


def _draw(draw: Callable[..., Image], *arguments: str | int) -> bytes:
    buffer = BytesIO()
    draw(*arguments).save(buffer, "PNG")
    return buffer.getvalue()


def _make_task_files(folder: Path) -> None:
    tasks = [_describe(folder, number) for number in range(1, IN_LINES + IN_ARRAY + 1)]
    lines = "".join(json.dumps(task) + "\n" for task in tasks[:IN_LINES])
    array = json.dumps(tasks[IN_LINES:], indent=2) + "\n"
    _make(folder / "landscapes.jsonl", lines.encode)
    _make(folder / "more-landscapes.json", array.encode)
    _make(folder / "broken-on-purpose.json", BROKEN.encode)


def _describe(folder: Path, number: int) -> dict[str, Any]:
    picture = _name_landscape(folder, number)
    return {"data": {"image": f"local://{picture}", "title": f"Landscape {number}"}}

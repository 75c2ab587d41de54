"""The sample files of the demo: pictures, task files, and a broken one on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS: Final = ("circle", "hexagon", "ring", "square", "star", "triangle")
LANDSCAPE: Final = "landscape"
MEDIA: Final = "media"
TASKS: Final = "tasks"
OF_EACH_KIND: Final = 5
IN_LINES: Final = 8
IN_ARRAY: Final = 4
BROKEN: Final = '[\n  {"data": {"image": "a picture"}},\n  {"data": {"image": \n'


@dataclass(frozen=True, slots=True)
class Sample:
    """A file: where it lies below the demo's folder, and what makes its content."""

    path: str
    build: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class SampleFolders:
    """Where the samples lie."""

    media: Path
    tasks: Path


def list_samples(address: Callable[[str], str]) -> Iterator[Sample]:
    """Every sample; `address` gives the URI of a path, which stands in task files."""
    from labeldock.cli.demo.drawing import draw_landscape, draw_shape

    for kind in KINDS:
        for number in range(1, OF_EACH_KIND + 1):
            build = partial(_draw, draw_shape, kind, number)
            yield Sample(f"{MEDIA}/{kind}-{number}.png", build)
    for number in range(1, IN_LINES + IN_ARRAY + 1):
        yield Sample(_name_landscape(number), partial(_draw, draw_landscape, number))
    yield from _list_task_files(address)


def make_samples(folder: Path) -> SampleFolders:
    """Draw and write what is not there yet; what is there stays as it is."""
    for sample in list_samples(lambda path: f"local://{folder / path}"):
        _make(folder / sample.path, sample.build)
    return SampleFolders(folder / MEDIA, folder / TASKS)


def _name_landscape(number: int) -> str:
    return f"{TASKS}/images/{LANDSCAPE}-{number}.png"


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


def _list_task_files(address: Callable[[str], str]) -> Iterator[Sample]:
    numbers = range(1, IN_LINES + IN_ARRAY + 1)
    tasks = [_describe(address(_name_landscape(n)), n) for n in numbers]
    lines = "".join(json.dumps(task) + "\n" for task in tasks[:IN_LINES])
    array = json.dumps(tasks[IN_LINES:], indent=2) + "\n"
    yield Sample(f"{TASKS}/landscapes.jsonl", lines.encode)
    yield Sample(f"{TASKS}/more-landscapes.json", array.encode)
    yield Sample(f"{TASKS}/broken-on-purpose.json", BROKEN.encode)


def _describe(uri: str, number: int) -> dict[str, Any]:
    return {"data": {"image": uri, "title": f"Landscape {number}"}}

"""The frames of a CVAT task: from its manifest, or from the pictures themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from labeldock.contract.errors import InvalidInput
from labeldock.services.cvat.documents import Data, ManifestItem, parse
from labeldock.services.cvat.reading import CvatArchive
from labeldock.services.resolving.content import guess_type
from labeldock.services.restoring.archives import refuse

_MANIFEST: Final = "data/manifest.jsonl"
_STEP: Final = re.compile(r"step\s*=\s*(\d{1,9})")
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a task.

    Attributes:
        number: what annotations call it.
        key: its name.
        width: in pixels.
        height: the same.
        entry: where it is in the archive; None if it lies in a bucket.
    """

    number: int
    key: str
    width: int
    height: int
    entry: str | None


@dataclass(frozen=True, slots=True)
class Film:
    """What a task shows: pictures one by one, or one video."""

    frames: tuple[Frame, ...] = ()
    video: str | None = None
    related: int = 0


def list_frames(archive: CvatArchive, folder: str, data: Data) -> Film:
    """What a task of an archive shows.

    Raises:
        InvalidArchive: its media are not as its documents say.
    """
    if data.storage not in {"local", "cloud_storage"}:
        name = f"{folder}task.json"
        raise refuse(name, f"Unexpected storage type {data.storage[:40]!r}.")
    is_light = data.storage == "cloud_storage"
    names = archive.list_below(f"{folder}data/")
    manifest = folder + _MANIFEST
    if is_light and names != [manifest]:
        raise refuse(f"{folder}data/", "Expected manifest.jsonl and nothing else.")
    kind, items = _read_manifest(archive, manifest)
    if kind == "video":
        video = next((n for n in names if _is(n, "video/")), None)
        return Film(video=video)
    if not items:
        return Film(tuple(_look_at_files(archive, names, data)))
    chosen = _choose(items, data) if is_light else items
    frames = tuple(
        _build_frame(archive, folder, number, item, is_light=is_light)
        for number, item in enumerate(chosen)
    )
    related = sum(len(_list_related(item)) for item in chosen)
    return Film(frames, related=related)


def _list_related(item: ManifestItem) -> list[Any]:
    related = item.meta.get("related_images")
    return related if isinstance(related, list) else []


def _choose(items: list[ManifestItem], data: Data) -> list[ManifestItem]:
    """Those that a task uses: CVAT numbers the frames that are left from 0."""
    step = _STEP.fullmatch(data.frame_filter.strip())
    stop = len(items) if data.stop_frame is None else data.stop_frame + 1
    return items[data.start_frame : stop : max(1, int(step[1])) if step else 1]


def _read_manifest(archive: CvatArchive, name: str) -> tuple[str, list[ManifestItem]]:
    """What kind of media it is about, and the images that it lists."""
    if not archive.has(name):
        return "images", []
    kind, items = "images", []
    for line in archive.read(name).splitlines():
        if not line.strip():
            continue
        values = _parse_line(name, line)
        kind = str(values.get("type", kind))
        if "name" in values and kind == "images":
            items.append(parse(ManifestItem, name, line))
    return kind, items


def _parse_line(name: str, line: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise refuse(name, "A line is not JSON.") from None
    if not isinstance(values, dict):
        raise refuse(name, "A line is not a JSON object.")
    return values


def _build_frame(
    archive: CvatArchive,
    folder: str,
    number: int,
    item: ManifestItem,
    *,
    is_light: bool,
) -> Frame:
    key = f"{item.name}{item.extension}"
    entry = None if is_light else f"{folder}data/{key}"
    if entry is not None and not archive.has(entry):
        raise refuse(entry, "The manifest lists it, and it is not in the archive.")
    width, height = item.width, item.height
    if width is None or height is None:
        if entry is None:
            raise refuse(folder + _MANIFEST, f"{key[:200]} has no width and height.")
        width, height = _measure(archive, entry)
    return Frame(number, key, width, height, entry)


def _look_at_files(
    archive: CvatArchive, names: list[str], data: Data
) -> Iterator[Frame]:
    pictures = [name for name in names if _is(name, "image/")]
    if data.sorting_method == "natural":
        pictures.sort(key=_split_digits)
    for number, name in enumerate(pictures):
        width, height = _measure(archive, name)
        key = name.partition("data/")[2]
        yield Frame(number, key, width, height, name)


def _is(name: str, kind: str) -> bool:
    return (guess_type(name) or "").startswith(kind)


def _split_digits(name: str) -> list[tuple[int, str]]:
    parts = _DIGITS.split(name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _measure(archive: CvatArchive, name: str) -> tuple[int, int]:
    from PIL import Image  # noqa: PLC0415  few processes ever read such an archive

    try:
        with archive.open(name) as stream, Image.open(stream) as image:
            return image.size
    except InvalidInput:
        raise
    except Exception:  # noqa: BLE001  decoders raise whatever a broken file brings
        raise refuse(name, "It is no picture that can be measured.") from None

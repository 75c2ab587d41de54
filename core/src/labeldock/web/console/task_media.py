"""What a task shows: pictures, sound, film, texts; each through its checked address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from labeldock.contract.errors import LabeldockError
from labeldock.db.types import dump_json
from labeldock.services.labelling.controls import Questions, Shown
from labeldock.services.labelling.texts import MOST_BYTES, read_text
from labeldock.services.projects import ProjectView
from labeldock.services.resolving.content import guess_type
from labeldock.services.resolving.data import load_resolver, name_undefined_key
from labeldock.services.tasks import TaskView
from labeldock.web.endpoints import Call

_TAGS: Final = {
    "Image": "image", "Audio": "audio", "AudioPlus": "audio", "Video": "video",
    "Text": "text", "HyperText": "text", "Paragraphs": "text", "TimeSeries": "text",
    "Table": "text", "List": "text", "Chat": "text",
}  # fmt: skip
_MOST_IMAGES: Final = 100
_MOST_TEXTS: Final = 3  # each is read from its bucket
_SAFE: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Medium:
    """One thing to look at, or to listen to.

    Attributes:
        name: the key of the data that it is.
        shown_as: the name of the tag of the label config that shows it, if any.
        kind: `image`, `images`, `audio`, `video`, `text` or `file`.
        urls: where it is to be had.
        text: what a text says, or the beginning of it.
        is_cut: whether there is more.
        problem: why it cannot be shown.
    """

    name: str
    shown_as: str
    kind: str
    urls: tuple[str, ...] = ()
    text: str = ""
    is_cut: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TaskData:
    """The data of a task as stored and as a browser can load them, by the same keys."""

    stored: Any
    resolved: Any

    def items(self) -> Iterator[tuple[str, Any, Any]]:
        """The values at the top: key, as stored, as resolved."""
        for key, stored in iterate_items(self.stored):
            yield str(key), stored, self.resolved[key]


def iterate_items(value: Any) -> Iterator[tuple[Any, Any]]:  # a dict or a list
    """Keys or places, and what is there."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def load_data(call: Call, project: ProjectView, task: TaskView) -> TaskData:
    """The data of a task, resolved to addresses of the site that the page is of."""
    resolver = replace(
        load_resolver(call.app, project.id, project.label_config), public_url=""
    )
    stored = name_undefined_key(task.data, project.label_config)
    return TaskData(stored, resolver.resolve(task))


def list_media(
    call: Call, task: TaskView, data: TaskData, questions: Questions
) -> list[Medium]:
    """What the label config shows, in its order, then whatever else can be shown."""
    items = {key: (stored, resolved) for key, stored, resolved in data.items()}
    shown = [each for each in questions.objects.values() if each.key in items]
    media = [_build(each, *items[each.key]) for each in shown]
    known = {each.key for each in shown}
    others = (
        _build(Shown("", "", key), stored, resolved)
        for key, (stored, resolved) in items.items()
        if key not in known
    )
    media += [each for each in others if each is not None and each.kind != "file"]
    found = [each for each in media if each is not None]
    return list(_read_texts(call, task, found, items))


def _build(shown: Shown, stored: Any, resolved: Any) -> Medium | None:
    """One value as a medium; None for what only the data tell."""
    urls = tuple(_list_urls(resolved))
    kind = _TAGS.get(shown.tag) or _guess_kind(stored)
    if kind == "text" and not (urls and isinstance(resolved, str)):
        return Medium(shown.key, shown.name, "text", (), *_show_text(stored))
    if not urls or not kind:
        return None
    if isinstance(resolved, list):
        kind = "images" if kind == "image" else "file"
    return Medium(shown.key, shown.name, kind, urls[:_MOST_IMAGES])


def _list_urls(resolved: Any) -> Iterator[str]:
    for each in resolved if isinstance(resolved, list) else [resolved]:
        if isinstance(each, str) and is_address(each):
            yield each


def is_address(text: str) -> bool:
    """Whether a browser may load it: of ours, or of the web; never a script."""
    return text.startswith(("/tasks/", *_SAFE)) and not any(c.isspace() for c in text)


def _guess_kind(stored: Any) -> str:
    first = stored[0] if isinstance(stored, list) and stored else stored
    if not isinstance(first, str) or "://" not in first[:40]:
        return ""
    kind = (guess_type(first.partition("?")[0]) or "").partition("/")[0]
    return kind if kind in {"image", "audio", "video", "text"} else "file"


def _show_text(stored: Any) -> tuple[str, bool]:
    text = stored if isinstance(stored, str) else dump_json(stored)
    return text[:MOST_BYTES], len(text) > MOST_BYTES


def _read_texts(
    call: Call,
    task: TaskView,
    media: list[Medium],
    items: Mapping[str, tuple[Any, Any]],
) -> Iterator[Medium]:
    read = 0
    for each in media:
        if each.kind != "text" or not each.urls:
            yield each
        elif read >= _MOST_TEXTS or not each.urls[0].startswith("/tasks/"):
            yield replace(each, kind="file")
        else:
            read += 1
            yield _read_text(call, task, each, items[each.name][0])


def _read_text(call: Call, task: TaskView, medium: Medium, uri: str) -> Medium:
    try:
        text, is_cut = read_text(call.app, call.principal, task, uri.strip())
    except LabeldockError as error:
        return replace(medium, problem=error.message)
    return replace(medium, text=text, is_cut=is_cut)

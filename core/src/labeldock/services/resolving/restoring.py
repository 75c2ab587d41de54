"""Media URLs turned back into the URIs that they stand for, before data are stored.

Clients read a task, change something and send all of it back. What they read has media
URLs in it, which are good for one task of one installation and are never stored.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects, tasks
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.resolving.data import load_resolver, map_texts
from labeldock.services.resolving.fileuri import decode_fileuri
from labeldock.services.resolving.label_config import find_first_data_key
from labeldock.services.resolving.uris import find_uris, lower_scheme
from labeldock.services.tasks import UNDEFINED_KEY

_ROUTE: Final = re.compile(
    r"/(?:tasks|projects)/\d{1,19}/(?:resolve|presign)/?\?fileuri="
    r"([\w-]+(?:=|%3D){0,2})(?:&(?:amp;)?size=\d{1,5})?",
    re.ASCII | re.IGNORECASE,
)
_OF_A_URL: Final = re.compile(r"[\w.:/~%@-]", re.ASCII)
_PLAIN: Final[Mapping[str, str]] = {}


class _Url(NamedTuple):
    """A media URL in a text, and the URI that it stands for."""

    start: int
    end: int
    uri: str


def restore_task_data(
    app: AppContext,
    principal: Principal,
    task_id: int,
    data: Any,  # whatever JSON knows
    bases: Collection[str] = (),
) -> Any:  # the same
    """Data sent for a task, as they are to be stored.

    What the task showed is turned back into exactly what is stored; media URLs in
    other places into their URIs.

    Args:
        app: the parts to work with.
        principal: who sends them.
        task_id: the task.
        data: what was sent.
        bases: addresses of ours that a client may have put before a URL.

    Raises:
        InvalidInput: a media URL stands where its URI could not be told apart.
        NotFound, NotAllowed: there is no such task, or it is not theirs to see.
    """
    task = tasks.get_task(app, principal, task_id)
    config = projects.get_project(app, principal, task.project_id).label_config
    shown = load_resolver(app, task.project_id, config).resolve(task)
    known = dict(zip(_list_texts(shown), _list_texts(task.data), strict=True))
    restored = restore_data(data, (app.settings.public_url, *bases), known)
    return _restore_undefined_key(restored, task.data, config)


def restore_data(
    data: Any,  # whatever JSON knows
    bases: Collection[str],
    known: Mapping[str, str] = _PLAIN,
) -> Any:  # the same
    """Data without media URLs.

    Args:
        data: what was sent.
        bases: addresses that URLs of ours may begin with, beside none at all.
        known: texts as they were shown, and as they are stored.

    Raises:
        InvalidInput: as in `restore_task_data`.
    """
    own = {base.rstrip("/") for base in bases} - {""}

    def restore(text: str) -> str:
        if text in known:
            return known[text]
        return _restore_text(text, own)

    return map_texts(data, restore)


def _list_texts(data: Any) -> list[str]:  # whatever JSON knows
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    map_texts(data, note)
    return texts


def _restore_undefined_key(data: Any, stored: Any, config: str) -> Any:  # as above
    """The data with the first value called `$undefined$` again, if it is so stored."""
    if not isinstance(data, dict) or not isinstance(stored, dict):
        return data
    name = find_first_data_key(config)
    is_renamed = UNDEFINED_KEY in stored and name not in stored
    if not is_renamed or UNDEFINED_KEY in data or name not in data:
        return data
    return {UNDEFINED_KEY if key == name else key: data[key] for key in data}


# One text


def _restore_text(text: str, bases: Collection[str]) -> str:
    found = list(_find_urls(text, bases))
    if not found:
        return text
    if text.strip() == text[found[0].start : found[0].end]:
        return found[0].uri
    for write in (str, _write_json, html.escape):
        restored, starts = _put_back(text, found, write)
        if _shows_all(restored, starts):
            return restored
    raise InvalidInput(
        "The data hold a media URL in a place where its URI cannot be written.",
        field="data",
        remedy="Read the task with resolve_uri=false and send the URIs themselves.",
    )


def _find_urls(text: str, bases: Collection[str]) -> Iterator[_Url]:
    for route in _ROUTE.finditer(text):
        start = _find_start(text, route.start(), bases)
        uri = _decode(route[1])
        if start is not None and uri is not None:
            yield _Url(start, route.end(), uri)


def _find_start(text: str, path: int, bases: Collection[str]) -> int | None:
    """Where the URL begins whose path begins here; None if it is not one of ours."""
    for base in bases:
        if text.startswith(base, path - len(base)) and path >= len(base):
            return path - len(base)
    return None if _OF_A_URL.match(text[path - 1 : path] if path else "") else path


def _decode(fileuri: str) -> str | None:
    try:
        return lower_scheme(decode_fileuri(fileuri.replace("%3D", "=")))
    except InvalidInput:
        return None


def _write_json(uri: str) -> str:
    return json.dumps(uri, ensure_ascii=False)[1:-1]


def _put_back(
    text: str, found: list[_Url], write: Callable[[str], str]
) -> tuple[str, dict[int, str]]:
    """The text with its URIs, written so; and where each of them begins."""
    pieces: list[str] = []
    starts: dict[int, str] = {}
    position = length = 0
    for url in found:
        before, written = text[position : url.start], write(url.uri)
        starts[length + len(before)] = url.uri
        pieces += [before, written]
        length += len(before) + len(written)
        position = url.end
    return "".join([*pieces, text[position:]]), starts


def _shows_all(text: str, starts: Mapping[int, str]) -> bool:
    """Whether the text will be resolved to what it came from."""
    schemes = {uri.partition("://")[0] for uri in starts.values()}
    shown = {found.start: found.uri for found in find_uris(text, schemes)}
    return all(shown.get(start) == uri for start, uri in starts.items())

"""URIs of storages in any text: where each begins, where it ends, what it says.

A string that is one URI is taken whole, so that keys may hold spaces and anything else.
In other text a URI is what is quoted (HTML attributes, JSON in a string), what stands
in `url(...)`, `](...)` or `<...>`, and otherwise a run without whitespace and quotes.

Every search is bounded by the next `://`, so that no part of a text is looked at more
than a few times, whatever it holds.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

_MARK: Final = "://"
_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.\-]*+"
_START: Final = re.compile(rf"(?<![A-Za-z0-9+.\-_])({_SCHEME}){_MARK}")
_LEADING: Final = re.compile(rf"({_SCHEME}){_MARK}")
_ANOTHER: Final = re.compile(rf"\n|(?<=[\s\"'`<>()\[\]{{}},;|])({_SCHEME}){_MARK}")

# A bare run. A comma goes on with it unless another URI comes next; a backslash ends it
# before a quote, and in JSON before a control character too. The group is not
# possessive, since Python before 3.11.5 gets those wrong (gh-106052); nothing follows
# it, so it is never gone back into.
_RUN: Final = r"""(?:
    [^\s"'`<>\\&,;|]++
  | &(?!(?:quot|apos|lt|gt|\#34|\#39|\#x22|\#x27);)
  | [,;|](?!%s://)
  | \\(?!%s)
)*"""
_PLAIN_RUN: Final = re.compile(_RUN % (_SCHEME, r"""["']"""), re.VERBOSE)
_JSON_RUN: Final = re.compile(_RUN % (_SCHEME, r"""["'bfnrt]"""), re.VERBOSE)

_CLOSERS: Final = {'"': '"', "'": "'", "`": "`", "<": ">"}
_MAX_BACKSLASHES: Final = 7  # JSON in JSON in JSON in a string
_PUNCTUATION: Final = ".,;:!?*~\\"
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}
_PARENTHESIS: Final = re.compile(r"[()\n]")
_TITLE: Final = re.compile(r"(?<!\s)\s++[\"']")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ENTITY: Final = re.compile(r"&(?:\w{1,32}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")


class FoundUri(NamedTuple):
    """A URI and the part of the text that it takes up, quotes not included."""

    start: int
    end: int
    uri: str


def find_uris(text: str, schemes: Collection[str]) -> list[FoundUri]:
    """The URIs of these schemes (in lower case), in order and apart from each other.

    The URI is decoded where its surroundings say how it is written: escapes of JSON,
    entities in attributes of HTML. Its scheme is in lower case.
    """
    if _MARK not in text:
        return []
    whole = _find_whole(text, schemes)
    return [whole] if whole else list(_scan(text, schemes))


def replace_uris(
    text: str, schemes: Collection[str], replace: Callable[[str], str | None]
) -> str:
    """The text with each URI replaced by what `replace` says; None leaves it as is."""
    pieces = []
    position = 0
    for found in find_uris(text, schemes):
        replacement = replace(found.uri)
        if replacement is not None:
            pieces += [text[position : found.start], replacement]
            position = found.end
    return "".join([*pieces, text[position:]]) if pieces else text


def _find_whole(text: str, schemes: Collection[str]) -> FoundUri | None:
    """The URI that the stripped text is, unless it holds another one or more lines."""
    stripped = text.strip()
    leading = _LEADING.match(stripped)
    if not leading or leading[1].lower() not in schemes:
        return None
    if _ANOTHER.search(stripped, leading.end()):
        return None
    start = text.index(stripped[0])
    return FoundUri(start, start + len(stripped), lower_scheme(stripped))


def _scan(text: str, schemes: Collection[str]) -> Iterator[FoundUri]:
    is_json = text.lstrip()[:1] in {"{", "[", '"'}
    position = 0
    while found := _START.search(text, position):
        place = _Place(text, found.start(), found.end(), is_json)
        if found[1].lower() not in schemes:
            position = place.find_run_end()  # what stands in it belongs to it
            continue
        measured = _measure(place)
        position = measured.end
        if measured.end > place.body:
            yield measured


class _Place(NamedTuple):
    """Where a URI begins, and where what follows its scheme does."""

    text: str
    start: int
    body: int
    is_json: bool

    @property
    def limit(self) -> int:
        """No quote is looked for beyond this."""
        following = self.text.find(_MARK, self.body)
        return len(self.text) if following < 0 else following

    def find_run_end(self) -> int:
        """Where a run without whitespace and quotes ends."""
        run = (_JSON_RUN if self.is_json else _PLAIN_RUN).match(self.text, self.body)
        return run.end() if run else self.body

    def take(self, end: int, levels: int = 0) -> FoundUri:
        """The URI up to `end`, decoded from so many levels of JSON."""
        uri = self.text[self.start : end]
        return FoundUri(self.start, end, lower_scheme(_decode_json(uri, levels)))


def _measure(place: _Place) -> FoundUri:
    opener = place.text[place.start - 1 : place.start]
    found = None
    if opener == "(":
        found = _measure_parenthesised(place)
    elif opener in _CLOSERS:
        found = _measure_quoted(place, opener)
    return found or _measure_bare(place)


# Quoted


def _measure_quoted(place: _Place, opener: str) -> FoundUri | None:
    text, before = place.text, place.start - 1
    backslashes = _count_backslashes(text, before, before - _MAX_BACKSLASHES - 1)
    if backslashes > _MAX_BACKSLASHES:
        return None
    end = _find_closer(place, _CLOSERS[opener], backslashes)
    if end < 0 or "\n" in text[place.body : end]:
        return None
    is_attribute = opener in "\"'" and text[max(before - backslashes, 1) - 1] == "="
    if opener == '"':  # each level of JSON doubles the backslashes and adds one
        levels = (backslashes + 1).bit_length() - (is_attribute or not place.is_json)
    else:
        levels = int(place.is_json)
    found = place.take(end, levels)
    if is_attribute:
        found = found._replace(uri=_ENTITY.sub(_unescape, found.uri))
    return found


def _unescape(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _find_closer(place: _Place, closer: str, backslashes: int) -> int:
    """Where the URI ends: before the closing quote and its backslashes."""
    text, limit = place.text, place.limit
    end = text.find(closer, place.body, limit)
    while end >= 0:
        count = _count_backslashes(text, end, place.body)
        unit = backslashes + 1
        is_escaped = count % unit != backslashes or (count // unit) % 2
        if not (place.is_json and closer == '"' and is_escaped):
            return end - min(count, backslashes)
        end = text.find(closer, end + 1, limit)
    return -1


def _count_backslashes(text: str, end: int, start: int) -> int:
    """How many stand directly before `end`, counted no further than `start`."""
    position = end
    while position > max(start, 0) and text[position - 1] == "\\":
        position -= 1
    return end - position


def _decode_json(raw: str, levels: int) -> str:
    """The text as it was before JSON escaped it, or as it is if it cannot have been."""
    text = raw
    for _ in range(levels):
        if "\\" not in text:
            break
        try:
            decoded = json.loads(f'"{text}"')
            decoded.encode()
        except ValueError:
            return raw
        text = decoded
    # Somebody's backslash before a letter was no line break.
    return raw if _CONTROL.search(text) else text


# In parentheses


def _measure_parenthesised(place: _Place) -> FoundUri | None:
    """In Markdown and CSS: up to the parenthesis that closes it, on the same line."""
    before = place.text[max(0, place.start - 4) : place.start].lower()
    if not before.endswith(("](", "url(")):
        return None
    depth = 1
    for found in _PARENTHESIS.finditer(place.text, place.body, place.limit):
        depth += {"(": 1, ")": -1}.get(found[0], -depth)
        if depth == 0:
            break
    else:
        return None
    if found[0] == "\n":
        return None
    inside = place.text[place.start : found.start()]
    title = _TITLE.search(inside)
    inside = inside[: title.start()] if title else inside.rstrip()
    return place.take(place.start + len(inside), int(place.is_json))


# Bare


def _measure_bare(place: _Place) -> FoundUri:
    text = place.text
    end = place.find_run_end()
    surplus = {
        closing: text.count(closing, place.body, end)
        - text.count(opening, place.body, end)
        for closing, opening in _BRACKETS.items()
    }
    while end > place.body:
        last = text[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _PUNCTUATION:
            break
        end -= 1
    return place.take(end, int(place.is_json))


def lower_scheme(uri: str) -> str:
    """The URI as storages compare it: only in the scheme does case not matter."""
    scheme, mark, rest = uri.partition(_MARK)
    return f"{scheme.lower()}{mark}{rest}"

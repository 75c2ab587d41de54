"""What is new, changed, known or gone: a merge of a listing with the links.

Both come in the same order (UTF-8 bytes of the key, which is also the order of Python's
text), so the merge needs no set of all keys, and its memory is that of one page.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

from labeldock.contract.values import ObjectInfo

_KEY = attrgetter("key")
_KEY_AND_ETAG = attrgetter("key", "etag")
_CONDITION = attrgetter("state", "object_exists", "is_flagged")
_SETTLED = {("linked", 1, 0), ("empty", 1, 0), ("kept_away", 1, 0)}


class LinkedObject(NamedTuple):
    """What is known of an object: all links of its key taken together."""

    key: str
    etag: str
    state: str
    object_exists: bool
    rows: int
    problem: str | None
    is_flagged: int = 0
    size: int = 0


@dataclass(slots=True)
class Difference:
    """The outcome for one stretch of keys.

    `failed_before` are objects that could not be imported and have not changed since;
    `returned` were gone and are there again; `retried` are failed or empty ones that
    changed, and are among the new ones too; `flagged` are changed ones that are not
    marked as such yet, `restored` those that are and are as they were; `adopted` are
    known from another place only, so that their size tells whether they are the same;
    `existed` counts links.
    """

    new: list[ObjectInfo] = field(default_factory=list)
    changed: list[ObjectInfo] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    adopted: list[ObjectInfo] = field(default_factory=list)
    failed_before: list[LinkedObject] = field(default_factory=list)
    existed: list[tuple[str, int]] = field(default_factory=list)

    def take(self, upto: str | None) -> Difference:
        """Split off what concerns the keys up to and including this one.

        None takes all that is left. The new objects stay; whoever reads them knows
        how far they are.
        """
        if upto is None:
            return self
        taken = Difference()
        taken.existed, self.existed = _split(self.existed, upto, itemgetter(0))
        for name in ("changed", "failed_before", "adopted"):
            head, tail = _split(getattr(self, name), upto, attrgetter("key"))
            setattr(taken, name, head)
            setattr(self, name, tail)
        for name in ("vanished", "returned", "flagged", "restored"):
            head, tail = _split(getattr(self, name), upto, str)
            setattr(taken, name, head)
            setattr(self, name, tail)
        return taken


ItemT = TypeVar("ItemT")


def _split(
    items: list[ItemT], upto: str, key: Callable[[ItemT], str]
) -> tuple[list[ItemT], list[ItemT]]:
    cut = bisect_right(items, upto, key=key)
    return items[:cut], items[cut:]


def compare(
    objects: Sequence[ObjectInfo], linked: Iterable[LinkedObject]
) -> Difference:
    """Merge one stretch of the listing with the links of the same stretch."""
    known = list(linked)
    if _is_as_known(objects, known):
        rows = map(attrgetter("rows"), known)
        return Difference(existed=list(zip(map(_KEY, known), rows, strict=True)))
    difference = Difference()
    links = iter(known)
    link = next(links, None)
    for info in objects:
        while link is not None and link.key < info.key:
            _note_gone(difference, link)
            link = next(links, None)
        if link is None or link.key != info.key:
            difference.new.append(info)
            continue
        _note_known(difference, info, link)
        link = next(links, None)
    while link is not None:
        _note_gone(difference, link)
        link = next(links, None)
    return difference


def _is_as_known(objects: Sequence[ObjectInfo], known: Sequence[LinkedObject]) -> bool:
    """Whether nothing has changed, as in most stretches; told without a loop."""
    if len(objects) != len(known):
        return False
    is_same = list(map(_KEY_AND_ETAG, objects)) == list(map(_KEY_AND_ETAG, known))
    return is_same and set(map(_CONDITION, known)) <= _SETTLED


def _note_gone(difference: Difference, link: LinkedObject) -> None:
    if link.object_exists:
        difference.vanished.append(link.key)


def _note_known(difference: Difference, info: ObjectInfo, link: LinkedObject) -> None:
    is_adopted = not link.etag and bool(info.etag) and link.size == info.size
    is_same = is_adopted or link.etag == info.etag
    if is_adopted and link.state == "linked":
        difference.adopted.append(info)
    if not link.object_exists:
        difference.returned.append(info.key)
    if link.state == "failed" and not is_same:
        difference.retried.append(info.key)
        difference.new.append(info)
        return
    if link.state == "failed":
        difference.failed_before.append(link)
    elif is_same:
        difference.existed.append((link.key, link.rows))
        if link.is_flagged:
            difference.restored.append(link.key)
    elif link.state == "empty":
        difference.retried.append(info.key)
        difference.new.append(info)
    else:
        difference.existed.append((link.key, link.rows))
        difference.changed.append(info)
        if not link.is_flagged:
            difference.flagged.append(link.key)

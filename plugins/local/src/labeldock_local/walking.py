"""Going through a tree of folders in key order, a page at a time.

In memory is the chain of folders down to the present one, with the packed names of
each as far as they were needed.
"""

from __future__ import annotations

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Mapping
from itertools import chain
from typing import Final

from labeldock_local.chains import Chain, Folder
from labeldock_local.folders import open_listing
from labeldock_local.keys import (
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    KeyRange,
    after_file,
    after_folder,
    is_name,
)
from labeldock_local.names import NameReader, SortedNames, read_names
from labeldock_local.objects import UNUSUAL, build_listed, list_infos
from labeldock_local.pages import Page, Plan, is_text
from labeldock_local.snapshots import SnapshotCache, list_names

_NAMES_BUDGET: Final = 8 * 1024 * 1024
_LEAST_BUDGET: Final = 64 * 1024

_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


class Walk:
    """One page's way through a tree.

    Args:
        base: descriptor of the folder to start from; it is not closed.
        head: its path below the storage's folder, "" or with a final slash.
        plan: which keys.
        cache: where names of large folders are kept.
        known: names that an earlier page of the same listing read, by folder.
    """

    def __init__(
        self,
        base: int,
        head: bytes,
        plan: Plan,
        cache: SnapshotCache,
        known: Mapping[bytes, SortedNames],
    ) -> None:
        self._chain = Chain(base, head)
        self._plan = plan
        self._cache = cache
        self._known = known

    def fill(self, page: Page) -> bytes | None:
        """Fill a page; returns the key that the next starts from, None at the end."""
        try:
            self._seek(page)
            while self._chain.folders and page.room > 0:
                self._go_on(page)
            return self._find_start()
        finally:
            self._chain.close()

    def list_known(self) -> dict[bytes, SortedNames]:
        """The names that the next page will want."""
        names = {
            folder.head: folder.names or self._known.get(folder.head)
            for folder in self._chain.folders
        }
        return {head: known for head, known in names.items() if known is not None}

    def _find_start(self) -> bytes | None:
        for folder in reversed(self._chain.folders):
            if folder.start is not None:
                return folder.head + folder.start
        return None

    def _seek(self, page: Page) -> None:
        """Go straight to the folder that the first key is in, reading none."""
        start = self._plan.keys.start
        folder: Folder | None = self._chain.folders[-1]
        while folder is not None and start.startswith(folder.head):
            folder = self._step(folder, start[len(folder.head) :], page)

    def _step(self, folder: Folder, rest: bytes, page: Page) -> Folder | None:
        name, slash, _ = rest.partition(b"/")
        folder.start = rest
        if not slash:
            return None
        if not self._plan.is_entered(folder.head + name + b"/"):
            folder.start = name + b"/"
            return None
        folder.start = after_folder(name + b"/")
        return self._enter(folder, name, page) if is_name(name) else None

    def _enter(self, folder: Folder, name: bytes, page: Page) -> Folder | None:
        head = folder.head + name + b"/"
        if not is_text(name) or len(head) >= MAX_KEY_BYTES:
            page.add_bad_name(head)
            return None
        try:
            return self._chain.enter(name)
        except OSError as error:
            self._pass_over(head, error, page)
            return None

    def _pass_over(self, path: bytes, error: OSError, page: Page) -> None:
        """Leave out what vanished or was swapped, and report what is locked."""
        if path and error.errno in _GONE:
            return
        if error.errno not in _DENIED or self._plan.prefix.startswith(path):
            raise error
        page.add_unreadable(path, "Permission denied.")

    def _go_on(self, page: Page) -> None:
        """Add the next files, up to a sub-folder, and go into that one."""
        folder = self._chain.folders[-1]
        if not self._is_in_range(folder) or not self._open(folder, page):
            self._chain.leave()
            return
        if folder.rest is None:
            folder.rest = self._load(folder, folder.start or b"")
        before = len(page.objects)
        name = self._add_files(folder, folder.rest, page)
        page.room -= len(page.objects) - before
        if name:
            self._meet_folder(folder, name, page)

    def _is_in_range(self, folder: Folder) -> bool:
        end = self._plan.keys.end
        if folder.start is None:
            return False
        return end is None or folder.head + folder.start < end

    def _open(self, folder: Folder, page: Page) -> bool:
        try:
            self._chain.open_last()
        except OSError as error:
            self._pass_over(folder.head, error, page)
            return False
        return True

    def _load(self, folder: Folder, start: bytes) -> NameReader:
        names = self._known.get(folder.head)
        if names is None or not names.covers(start):
            budget = _NAMES_BUDGET // len(self._chain.folders)
            names = list_names(
                folder.descriptor, start, max(budget, _LEAST_BUDGET), self._cache
            )
        folder.names = names
        return NameReader(names.list_blocks(start))

    def _add_files(self, folder: Folder, rest: NameReader, page: Page) -> bytes:
        """Add some files, or come to a sub-folder, whose name is returned."""
        end = self._plan.keys.find_end(folder.head)
        names = rest.take(page.room)
        last = names[-1] if names else b""
        if end is not None and last >= end:
            names = names[: bisect_left(names, end)]
        elif last.endswith(b"/"):
            folder.start = after_folder(last)
            return last
        if len(folder.head) + MAX_NAME_BYTES > MAX_KEY_BYTES:
            names = _leave_out_long(names, folder.head, page)
        try:
            if names:
                page.objects += list_infos(folder.descriptor, folder.head, names)
        except UNUSUAL:
            for name in names:
                self._add_file(folder, name, page)
        self._note_position(folder, last)
        return b""

    def _add_file(self, folder: Folder, name: bytes, page: Page) -> None:
        """Add a file, or say what is the matter with it."""
        path = folder.head + name
        try:
            status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            key = path.decode()
        except (OSError, UnicodeDecodeError) as error:
            self._report(path, error, page)
            return
        if stat.S_ISREG(status.st_mode):
            page.objects.append(build_listed(key, status))

    def _note_position(self, folder: Folder, name: bytes) -> None:
        if name:
            folder.start = after_file(name)
            return
        folder.rest = None
        folder.start = folder.names.cut if folder.names else None

    def _report(self, path: bytes, error: Exception, page: Page) -> None:
        if isinstance(error, OSError):
            self._pass_over(path, error, page)
        else:
            page.add_bad_name(path)

    def _meet_folder(self, folder: Folder, name: bytes, page: Page) -> None:
        if self._plan.is_entered(folder.head + name):
            self._enter(folder, name[:-1], page)
        elif is_text(name):
            self._fold(folder, name, page)
        else:
            page.add_bad_name(folder.head + name)

    def _fold(self, folder: Folder, name: bytes, page: Page) -> None:
        """Add a folder as a common prefix, if there is any object in it."""
        head = folder.head + name
        try:
            descriptor = open_listing(folder.descriptor, name[:-1])
        except OSError as error:
            self._pass_over(head, error, page)
            return
        try:
            if has_object(descriptor, head, self._plan.keys.within(head)):
                page.add_prefix(head.decode())
        finally:
            os.close(descriptor)


def _leave_out_long(names: list[bytes], head: bytes, page: Page) -> list[bytes]:
    most = MAX_KEY_BYTES - len(head)
    for name in names:
        if len(name) > most:
            page.add_bad_name(head + name)
    return [name for name in names if len(name) <= most]


def has_object(folder: int, head: bytes, keys: KeyRange) -> bool:
    """Whether any object of a folder lies in the range; stops at the first.

    Args:
        folder: descriptor of the folder, open for listing.
        head: its path below the storage's folder, "" or with a final slash.
        keys: the range, in whole keys.
    """
    return _has_file(folder, head, keys) or _has_deeper(folder, head, keys)


def _has_file(folder: int, head: bytes, keys: KeyRange) -> bool:
    """A look at the folder itself, in the order of the disk: nothing is sorted."""
    with os.scandir(folder) as entries:
        return any(
            not name.endswith(b"/") and is_text(name) and keys.holds(head + name)
            for name in chain.from_iterable(read_names(entries))
        )


def _has_deeper(folder: int, head: bytes, keys: KeyRange) -> bool:
    start: bytes | None = keys.start
    while start is not None:
        page = Page(room=1)
        plan = Plan(KeyRange(start, keys.end))
        start = Walk(folder, head, plan, SnapshotCache(), {}).fill(page)
        if page.objects:
            return True
    return False

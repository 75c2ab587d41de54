"""Going through a tree of folders in key order, a page at a time.

In memory is the chain of folders down to the present one, with the packed names of
each as far as they were needed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from labeldock.contract import ObjectInfo
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
from labeldock_local.names import SortedNames, read_names
from labeldock_local.objects import render_etag, render_time
from labeldock_local.pages import Page, Plan, is_text
from labeldock_local.snapshots import SnapshotCache, list_names

_NAMES_BUDGET: Final = 8 * 1024 * 1024
_LEAST_BUDGET: Final = 64 * 1024
_SLASH: Final = ord("/")

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
            self._load(folder, folder.start or b"", page)
        before = len(page.objects)
        name = self._add_files(folder, page)
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

    def _load(self, folder: Folder, start: bytes, page: Page) -> None:
        names = self._known.get(folder.head)
        if names is None or not names.covers(start):
            budget = _NAMES_BUDGET // len(self._chain.folders)
            names = list_names(
                folder.descriptor, start, max(budget, _LEAST_BUDGET), self._cache
            )
        folder.names = names
        folder.rest = names.list_from(start)
        if len(folder.head) + MAX_NAME_BYTES > MAX_KEY_BYTES:
            folder.rest = _leave_out_long(folder.rest, folder.head, page)

    def _add_files(self, folder: Folder, page: Page) -> bytes:
        """Add files up to a sub-folder, whose name is returned.

        The loop that runs once per object: it does as little as it can.
        """
        head, end = folder.head, self._plan.keys.find_end(folder.head)
        add, descriptor = page.objects.append, folder.descriptor
        look, is_file = os.stat, stat.S_ISREG
        name = b""
        for name in islice(folder.rest or (), page.room):
            if end is not None and name >= end:
                break
            if name[-1] == _SLASH:
                folder.start = after_folder(name)
                return name
            try:
                status = look(name, dir_fd=descriptor, follow_symlinks=False)
                key = (head + name).decode()
            except (OSError, UnicodeDecodeError) as error:
                self._report(head + name, error, page)
                continue
            if is_file(status.st_mode):
                time = render_time(status.st_mtime)
                add(ObjectInfo(key, status.st_size, render_etag(status), time))
        self._note_position(folder, name)
        return b""

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


def _leave_out_long(names: Iterator[bytes], head: bytes, page: Page) -> Iterator[bytes]:
    for name in names:
        if name[-1] == _SLASH or len(head) + len(name) <= MAX_KEY_BYTES:
            yield name
        else:
            page.add_bad_name(head + name)


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
            name[-1] != _SLASH and is_text(name) and keys.holds(head + name)
            for name in read_names(entries)
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

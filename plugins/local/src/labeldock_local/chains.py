"""The chain of folders that a listing is in: opened going down, closed going up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from labeldock_local.folders import open_listing, opened_path
from labeldock_local.names import NameReader, SortedNames

_MAX_OPEN: Final = 32


@dataclass(slots=True)
class Folder:
    """One folder of the chain.

    Attributes:
        head: its path below the storage's folder, "" or with a final slash.
        descriptor: open for listing, or -1.
        start: the first name that is still to come; None if no more are.
        names: what is known of its names.
        rest: goes through the names still to come.
    """

    head: bytes
    descriptor: int = -1
    start: bytes | None = b""
    names: SortedNames | None = None
    rest: NameReader | None = None

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Chain:
    """A folder, the sub-folder that is gone through, its sub-folder, and so on.

    However deep it is, only the last few folders are held open.
    """

    def __init__(self, base: int, head: bytes) -> None:
        self._base = base
        self._skip = len(head)
        self.folders = [Folder(head)]

    def enter(self, name: bytes) -> Folder:
        """Go into a sub-folder of the last folder.

        Raises:
            OSError: it cannot be opened, or is no folder.
        """
        last = self.folders[-1]
        below = Folder(last.head + name + b"/")
        below.descriptor = open_listing(self.open_last(), name)
        self.folders.append(below)
        if len(self.folders) > _MAX_OPEN:
            self.folders[-_MAX_OPEN - 1].close()
        return below

    def open_last(self) -> int:
        """A descriptor of the last folder, opened again if it was closed.

        Raises:
            OSError: it is gone.
        """
        last = self.folders[-1]
        if last.descriptor < 0:
            path = last.head[self._skip :].split(b"/")[:-1]
            with opened_path(self._base, path) as descriptor:
                last.descriptor = open_listing(descriptor, b".")
        return last.descriptor

    def leave(self) -> None:
        """Leave the last folder."""
        self.folders.pop().close()

    def close(self) -> None:
        """Close whatever is open."""
        for folder in self.folders:
            folder.close()

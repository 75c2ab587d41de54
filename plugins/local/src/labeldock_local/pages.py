"""What a listing asks for, and what it has found so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from labeldock.contract import ObjectInfo, UnreadableObject
from labeldock_local.keys import MAX_KEY_BYTES, KeyRange, escape_name


@dataclass(frozen=True, slots=True)
class Plan:
    """What to go through: the keys, and with `folded` only one level below `prefix`."""

    keys: KeyRange
    prefix: bytes = b""
    folded: bool = False

    def is_entered(self, folder: bytes) -> bool:
        """Whether the keys in a folder are listed one by one."""
        return not self.folded or self.prefix.startswith(folder)


@dataclass(slots=True)
class Page:
    """What was found so far. Every entry takes room, so that a page has an end."""

    room: int
    objects: list[ObjectInfo] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    unreadable: list[UnreadableObject] = field(default_factory=list)

    def add_prefix(self, prefix: str) -> None:
        self.prefixes.append(prefix)
        self.room -= 1

    def add_unreadable(self, name: bytes, reason: str) -> None:
        self.unreadable.append(UnreadableObject(escape_name(name), reason))
        self.room -= 1

    def add_bad_name(self, path: bytes) -> None:
        """Report a name that no key can have."""
        if is_text(path):
            reason = f"Its key would be longer than {MAX_KEY_BYTES} bytes."
        else:
            reason = "Its name is not valid UTF-8."
        self.add_unreadable(path, reason)


def is_text(name: bytes) -> bool:
    """Whether a name is valid UTF-8."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True

"""What a token may be used for, at most: four scopes, each with those before it.

A token never lets anybody do more than they may do themselves; a scope takes away from
that. `access.require` and `access.require_scope` look at both, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from labeldock.contract.errors import InvalidInput, NotAllowed


class Scope(StrEnum):
    """What a token may be used for."""

    READ = "read"
    ANNOTATE = "annotate"
    MANAGE = "manage"
    ADMIN = "admin"


MEANINGS: Final = {
    Scope.READ: "see projects, tasks, annotations, media, runs, and export them",
    Scope.ANNOTATE: "also create, change and delete annotations and predictions",
    Scope.MANAGE: "also create and change projects, tasks, storages and webhooks, run "
    "syncs, and make backups",
    Scope.ADMIN: "everything its user may: delete projects, members, accounts, tokens",
}
"""In the order in which each includes those before it."""

_ORDER: Final = tuple(MEANINGS)


def parse_scopes(value: Any) -> tuple[Scope, ...]:  # whatever somebody sends
    """The scopes that somebody asks for; all of them if none are named.

    Raises:
        InvalidInput: there is no such scope.
    """
    if value is None or value in ([], ()):
        return _ORDER
    names = value if isinstance(value, list | tuple) else [value]
    known = {scope.value for scope in Scope}
    if not all(isinstance(name, str) and name in known for name in names):
        raise InvalidInput(
            "There is no such scope.",
            field="scopes",
            remedy=f"Give a list of these: {', '.join(_ORDER)}.",
        )
    return tuple(scope for scope in _ORDER if scope.value in names)


def widen(names: Iterable[str] | None) -> frozenset[Scope] | None:
    """The scopes that stored names stand for; None, as of old tokens, is all of them.

    A name that this version does not know gives nothing.
    """
    if names is None:
        return None
    given = set(names)
    ranks = [rank for rank, scope in enumerate(_ORDER) if scope.value in given]
    return frozenset(_ORDER[: max(ranks, default=-1) + 1])


def refuse_beyond(scopes: frozenset[Scope] | None, needed: Scope) -> None:
    """Refuse what a token was not made for.

    Raises:
        NotAllowed: names the scope that it needs.
    """
    if scopes is None or needed in scopes:
        return
    raise NotAllowed(
        f"This token may not be used for that: it needs the scope '{needed.value}'.",
        remedy="Use a token with that scope.",
    )

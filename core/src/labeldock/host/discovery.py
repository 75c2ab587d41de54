"""Which plug-ins are installed, and which of them may be loaded: metadata only.

Nothing here imports a plug-in, so that a name clash or a block list takes effect before
any foreign code has run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from labeldock.host.entries import CatalogEntry, PluginStatus

EntryPointSource = Callable[[str], Iterable[EntryPoint]]
"""Gives the entry points of a group; tests hand in one of their own."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One distribution's claim to a name."""

    entry_point: EntryPoint
    distribution: str
    version: str

    @property
    def name(self) -> str:
        return self.entry_point.name

    def build_entry(
        self, status: PluginStatus, reason: str | None = None
    ) -> CatalogEntry:
        return CatalogEntry(
            name=self.name,
            group=self.entry_point.group,
            distribution=self.distribution,
            version=self.version,
            status=status,
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The operator's lists of entry-point names. An empty allow list allows all."""

    allow: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()

    def find_objection(self, name: str) -> str | None:
        if name in self.block:
            return "on the operator's block list"
        if self.allow and name not in self.allow:
            return "not on the operator's allow list"
        return None


def list_installed(group: str) -> Iterable[EntryPoint]:
    """The entry points of this environment."""
    return entry_points(group=group)


def find_candidates(entries: Iterable[EntryPoint]) -> list[Candidate]:
    """Each distribution's claims, once, sorted by name and distribution.

    A distribution that is on the path twice (an editable install and a wheel, say)
    counts once: the first one found is also the one that Python imports.
    """
    found: dict[tuple[str, str], Candidate] = {}
    for entry_point in entries:
        candidate = _build_candidate(entry_point)
        owner = _normalise(candidate.distribution) or entry_point.value
        found.setdefault((candidate.name, owner), candidate)
    return [found[key] for key in sorted(found)]


def select_candidates(
    candidates: Sequence[Candidate], choice: Choice
) -> tuple[list[Candidate], list[CatalogEntry]]:
    """Split into those to load and those refused, without importing anything."""
    rivals: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        rivals[candidate.name].append(candidate)
    wanted: list[Candidate] = []
    refused: list[CatalogEntry] = []
    for name, claims in rivals.items():
        if objection := choice.find_objection(name):
            refused += [c.build_entry(PluginStatus.DISABLED, objection) for c in claims]
        elif len(claims) > 1:
            reason = _describe_clash(name, claims)
            refused += [c.build_entry(PluginStatus.CLASHING, reason) for c in claims]
        else:
            wanted += claims
    return wanted, refused


def _build_candidate(entry_point: EntryPoint) -> Candidate:
    name = _read_field(entry_point, "Name")
    return Candidate(entry_point, name, _read_field(entry_point, "Version"))


def _read_field(entry_point: EntryPoint, field: str) -> str:
    try:
        metadata = entry_point.dist.metadata if entry_point.dist else None
        return metadata[field] if metadata and field in metadata else ""
    except Exception:  # noqa: BLE001  half-removed distributions have no metadata
        return ""


def _normalise(distribution: str) -> str:
    """One spelling for all that mean the same distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _describe_clash(name: str, claims: Sequence[Candidate]) -> str:
    owners = ", ".join(c.distribution or c.entry_point.value for c in claims)
    return f"{owners} all claim the name {name!r}; uninstall all but one"

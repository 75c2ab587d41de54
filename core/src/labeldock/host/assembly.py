"""From the entry points of an environment to a closed table of hooks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TypeVar

from labeldock.contract import PLUGIN_GROUP, PROVIDER_GROUP
from labeldock.host.binding import BoundProvider, bind_provider
from labeldock.host.discovery import (
    Candidate,
    Choice,
    EntryPointSource,
    find_candidates,
    select_candidates,
)
from labeldock.host.egress import EndpointGate
from labeldock.host.entries import CatalogEntry, PluginStatus
from labeldock.host.guard import CallMeter
from labeldock.host.hooks import Hooks
from labeldock.host.loading import (
    LoadedProvider,
    isolate,
    load_provider,
    load_wrapper,
    refuse_clashing,
    register_provider,
)

logger = logging.getLogger("labeldock.host")

T = TypeVar("T")


class Assembly:
    """Loads what is installed and keeps an entry for each plug-in, loaded or not."""

    def __init__(
        self,
        source: EntryPointSource,
        choice: Choice,
        gate: EndpointGate | None = None,
        meter: CallMeter | None = None,
    ) -> None:
        self.hooks = Hooks()
        self.entries: list[CatalogEntry] = []
        self._source = source
        self._choice = choice
        self._gate = gate
        self._meter = meter

    def load(self, environment: Mapping[str, str]) -> tuple[BoundProvider, ...]:
        """Load everything, close the table of hooks and bind each provider."""
        self._load_wrappers()
        providers = self._load_providers(environment)
        self.hooks.freeze()
        self._warn_of_unknown_names()
        return tuple(
            bind_provider(self.hooks, each, providers, self._gate, self._meter)
            for each in providers
        )

    def _load_wrappers(self) -> None:
        wanted, _ = self._select(PLUGIN_GROUP)
        steps = (isolate(c, partial(load_wrapper, self.hooks, c)) for c in wanted)
        self._record(self._keep(steps))

    def _load_providers(self, environment: Mapping[str, str]) -> list[LoadedProvider]:
        wanted, claimed = self._select(PROVIDER_GROUP)
        loaded = self._keep(
            isolate(c, partial(load_provider, self.hooks, c, environment))
            for c in wanted
        )
        sound, clashing = refuse_clashing(loaded, claimed)
        self.entries += clashing
        providers = self._keep(
            isolate(p.candidate, partial(register_provider, self.hooks, p))
            for p in sound
        )
        self._record(provider.candidate for provider in providers)
        return providers

    def _select(self, group: str) -> tuple[list[Candidate], set[str]]:
        """Those to load, and all names that are claimed by what is not disabled."""
        candidates = find_candidates(self._source(group))
        wanted, refused = select_candidates(candidates, self._choice)
        self.entries += refused
        disabled = {e.name for e in refused if e.status is PluginStatus.DISABLED}
        return wanted, {c.name for c in candidates} - disabled

    def _keep(self, outcomes: Iterable[T | CatalogEntry]) -> list[T]:
        kept: list[T] = []
        for outcome in outcomes:
            if isinstance(outcome, CatalogEntry):
                self.entries.append(outcome)
            else:
                kept.append(outcome)
        return kept

    def _record(self, candidates: Iterable[Candidate]) -> None:
        self.entries += [c.build_entry(PluginStatus.LOADED) for c in candidates]

    def _warn_of_unknown_names(self) -> None:
        listed = self._choice.allow | self._choice.block
        for name in sorted(listed - {entry.name for entry in self.entries}):
            logger.warning("no installed plug-in has the listed name %r", name)

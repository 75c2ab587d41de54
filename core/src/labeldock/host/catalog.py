"""The plug-ins of this process: found and loaded once, never changed afterwards."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence

from labeldock.contract import (
    PROVIDER_GROUP,
    IncompatibleContract,
    PluginError,
    PluginLoadError,
    ProviderClash,
    ProviderUnavailable,
    UnknownProvider,
)
from labeldock.host.assembly import Assembly
from labeldock.host.binding import BoundProvider
from labeldock.host.discovery import Choice, EntryPointSource, list_installed
from labeldock.host.egress import EgressPolicy, EndpointGate
from labeldock.host.entries import CatalogEntry, PluginStatus
from labeldock.host.guard import CallMeter
from labeldock.host.hooks import Hooks
from labeldock.host.loading import explain

logger = logging.getLogger("labeldock.host")

PROBLEMS: Mapping[PluginStatus, type[PluginError]] = {
    PluginStatus.FAILED: PluginLoadError,
    PluginStatus.CLASHING: ProviderClash,
    PluginStatus.INCOMPATIBLE: IncompatibleContract,
}


def load_catalog(
    *,
    environment: Mapping[str, str] | None = None,
    choice: Choice | None = None,
    strict: bool = False,
    egress: EgressPolicy | None = None,
    meter: CallMeter | None = None,
    entry_points: EntryPointSource = list_installed,
) -> Catalog:
    """Find, load and bind the installed plug-ins.

    Args:
        environment: where operator settings are read from; None for `os.environ`.
        choice: the operator's lists of what to load; None for everything.
        egress: which hosts storages may name as endpoints; None for any.
        meter: who is told of each call of a provider, and may stand around it.
        strict: raise if a plug-in cannot be used, instead of going on without it.
        entry_points: gives the entry points of a group.

    Raises:
        PluginLoadError, ProviderClash, IncompatibleContract: only if `strict`.
    """
    gate = EndpointGate(egress) if egress else None
    assembly = Assembly(entry_points, choice or Choice(), gate, meter)
    providers = assembly.load(os.environ if environment is None else environment)
    if strict:
        _raise_problems(assembly.entries)
    return Catalog(assembly.hooks, providers, assembly.entries)


class Catalog:
    """Every installed plug-in, and the providers that can be used."""

    def __init__(
        self,
        hooks: Hooks,
        providers: Iterable[BoundProvider],
        entries: Iterable[CatalogEntry],
    ) -> None:
        self._hooks = hooks
        self.providers = tuple(sorted(providers, key=lambda each: each.info.name))
        self.entries = tuple(sorted(entries, key=_rank_entry))
        self._by_name = {n: each for each in self.providers for n in each.info.names}

    def provider(self, name: str) -> BoundProvider:
        """The provider of this name, API type or alias.

        Raises:
            ProviderUnavailable: it is installed and not in use; says why.
            UnknownProvider: it is not installed; says which are.
        """
        if bound := self._by_name.get(name):
            return bound
        for entry in self.entries:
            if entry.group == PROVIDER_GROUP and entry.name == name:
                raise _build_unavailable(entry)
        raise self._build_unknown(name)

    def by_scheme(self, scheme: str) -> tuple[BoundProvider, ...]:
        """The providers whose objects have URIs of this scheme."""
        wanted = scheme.lower()
        return tuple(each for each in self.providers if wanted in each.info.schemes)

    def notify(self, hook_name: str, event: object) -> None:
        """Tell every observer, one by one; what one of them raises stops no other."""
        for implementation in getattr(self._hooks.hook, hook_name).get_hookimpls():
            # An observer may leave the argument out, as with any hook.
            arguments = (event,) if implementation.argnames else ()
            try:
                implementation.function(*arguments)
            except Exception as error:  # noqa: BLE001  foreign code
                culprit = implementation.plugin_name
                logger.error(  # noqa: TRY400  a traceback could repeat a secret
                    "%s failed in %s: %s", culprit, hook_name, explain(error)
                )

    def _build_unknown(self, name: str) -> UnknownProvider:
        available = ", ".join(each.info.name for each in self.providers) or "none"
        return UnknownProvider(
            f"there is no provider {name[:40]!r}; available: {available}",
            field="type",
            # Not a command with the name in it: anybody can publish under any name.
            remedy="Install the package that brings it; `labeldock plugins` lists what "
            "is there.",
        )


def _rank_entry(entry: CatalogEntry) -> tuple[bool, str, str]:
    return entry.group != PROVIDER_GROUP, entry.name, entry.distribution


def _build_unavailable(entry: CatalogEntry) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"the provider {entry.name!r} of {entry.distribution} is {entry.status}: "
        f"{entry.reason}",
        field="type",
        remedy="see `labeldock plugins`",
        provider=entry.name,
        status=str(entry.status),
    )


def _raise_problems(entries: Sequence[CatalogEntry]) -> None:
    problems = [entry for entry in entries if entry.status in PROBLEMS]
    if problems:
        texts = [f"{e.name} of {e.distribution}: {e.reason}" for e in problems]
        raise PROBLEMS[problems[0].status]("; ".join(texts))

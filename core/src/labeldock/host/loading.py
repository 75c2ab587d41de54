"""Import, check and describe plug-ins, each in isolation from the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from traceback import walk_tb
from typing import TypeVar

from labeldock.contract import (
    IncompatibleContract,
    LabeldockError,
    OperatorOptions,
    ProviderInfo,
)
from labeldock.host.description import check_info
from labeldock.host.discovery import Candidate
from labeldock.host.entries import CatalogEntry, PluginStatus
from labeldock.host.hooks import Hooks
from labeldock.host.implementation import check_provider, check_wrapper
from labeldock.host.operator import build_operator_options

logger = logging.getLogger("labeldock.host")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedProvider:
    """A provider that passed every check."""

    candidate: Candidate
    plugin: object
    info: ProviderInfo
    operator: OperatorOptions


def load_provider(
    hooks: Hooks, candidate: Candidate, environment: Mapping[str, str]
) -> LoadedProvider:
    """Import a provider, check it, ask it what it is, and read its settings."""
    plugin = candidate.entry_point.load()
    check_provider(hooks, plugin)
    info = check_info(plugin.describe(), candidate.name)
    operator = build_operator_options(info, environment)
    return LoadedProvider(candidate, plugin, info, operator)


def register_provider(hooks: Hooks, provider: LoadedProvider) -> LoadedProvider:
    _register(hooks, provider.plugin, f"provider:{provider.info.name}")
    return provider


def load_wrapper(hooks: Hooks, candidate: Candidate) -> Candidate:
    """Import an observer or wrapper, check it and register it."""
    plugin = candidate.entry_point.load()
    check_wrapper(hooks, plugin)
    _register(hooks, plugin, f"plugin:{candidate.name}")
    return candidate


def isolate(candidate: Candidate, step: Callable[[], T]) -> T | CatalogEntry:
    """Do a step of loading; what goes wrong becomes the plug-in's entry.

    SystemExit is caught too: a module that gives up with `sys.exit()` when something is
    missing must not take the service with it.
    """
    try:
        return step()
    except IncompatibleContract as error:
        return _refuse(candidate, PluginStatus.INCOMPATIBLE, str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  foreign code
        return _refuse(candidate, PluginStatus.FAILED, explain(error))


def refuse_clashing(
    providers: Sequence[LoadedProvider], claimed: Iterable[str]
) -> tuple[list[LoadedProvider], list[CatalogEntry]]:
    """Refuse the providers whose API type or alias is a name of another one.

    Args:
        providers: those that were loaded.
        claimed: entry-point names of all that the operator did not disable. A provider
            that failed keeps its name, so that no other one answers in its place.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for name in claimed:
        owners[name].add(name)
    for provider in providers:
        for name in provider.info.names:
            owners[name].add(provider.info.name)
    sound: list[LoadedProvider] = []
    refused: list[CatalogEntry] = []
    for provider in providers:
        if reason := _describe_rivals(provider.info, owners):
            entry = _refuse(provider.candidate, PluginStatus.CLASHING, reason)
            refused.append(entry)
        else:
            sound.append(provider)
    return sound, refused


def explain(error: BaseException) -> str:
    """Why it failed, in one line, for the person who installed the plug-in.

    Foreign messages may hold values of settings, so they are shown only where Python
    itself wrote them about names; otherwise the type and the place have to do.
    """
    text = " ".join(str(error).split())
    if isinstance(error, LabeldockError):
        return text
    if isinstance(error, (ImportError, NameError)):
        return f"{type(error).__name__}: {text}"
    if isinstance(error, AttributeError) and error.name:
        return f"AttributeError: there is no {error.name!r}"
    return type(error).__name__ + _describe_place(error)


def _describe_place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f" in {error.filename}, line {error.lineno}"
    places = list(walk_tb(error.__traceback__))
    if not places:
        return ""
    frame, line = places[-1]
    return f" in {frame.f_globals.get('__name__')}, line {line}"


def _register(hooks: Hooks, plugin: object, name: str) -> None:
    try:
        hooks.register(plugin, name)
    except Exception:
        if hooks.has_plugin(name):  # pluggy may have got halfway
            hooks.unregister(name=name)
        raise


def _refuse(candidate: Candidate, status: PluginStatus, reason: str) -> CatalogEntry:
    logger.warning("plug-in %s is %s: %s", candidate.name, status, reason)
    return candidate.build_entry(status, reason)


def _describe_rivals(info: ProviderInfo, owners: Mapping[str, set[str]]) -> str | None:
    for name in info.names:
        rivals = sorted(owners[name] - {info.name})
        if rivals:
            return f"{info.name} and {', '.join(rivals)} both answer to {name!r}"
    return None

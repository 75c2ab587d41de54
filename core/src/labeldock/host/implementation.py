"""Is a plug-in object written as the contract wants it?

Everything that pluggy would accept in silence and call wrongly is refused here, with a
reason that tells the author what to change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from labeldock.contract import (
    OPERATIONS,
    Observer,
    PluginLoadError,
    StorageProvider,
)
from labeldock.host.hooks import Hooks

PROVIDER_HOOKS = ("describe", *OPERATIONS)
OBSERVER_HOOKS = tuple(name for name in vars(Observer) if name.startswith("after_"))

Markers = Mapping[str, Mapping[str, Any]]  # hook name -> pluggy's options, as it says


def check_provider(hooks: Hooks, plugin: object) -> None:
    """Refuse a provider that lacks an operation or that pluggy would call wrongly.

    Raises:
        PluginLoadError: with the reason for the author.
    """
    markers = _check_plugin(hooks, plugin)
    wrappers = _list_wrappers(markers)
    if wrappers:
        raise PluginLoadError(f"{_join(wrappers)}: a provider must not be a wrapper")
    missing = [name for name in PROVIDER_HOOKS if name not in markers]
    if missing:
        raise PluginLoadError(_describe_missing(plugin, missing))


def check_wrapper(hooks: Hooks, plugin: object) -> None:
    """Refuse a plug-in that would answer in place of every provider.

    Raises:
        PluginLoadError: with the reason for the author.
    """
    markers = _check_plugin(hooks, plugin)
    if not markers:
        raise PluginLoadError("it implements no hook; mark its methods with @hookimpl")
    wrappers = _list_wrappers(markers)
    answers = [n for n in markers if n in PROVIDER_HOOKS and n not in wrappers]
    if answers:
        raise PluginLoadError(
            f"{_join(answers)}: a plug-in may only wrap operations; "
            "use @hookimpl(wrapper=True), or the group labeldock.providers"
        )
    watched = [name for name in wrappers if name in OBSERVER_HOOKS]
    if watched:
        raise PluginLoadError(f"{_join(watched)}: notifications cannot be wrapped")


def _check_plugin(hooks: Hooks, plugin: object) -> Markers:
    if inspect.isclass(plugin):
        raise PluginLoadError(
            f"the entry point names the class {plugin.__name__}; "
            f"name an instance: provider = {plugin.__name__}()"
        )
    _check_hashable(plugin)
    markers = _find_markers(hooks, plugin)
    for name, options in markers.items():
        _check_name(name, options)
        _check_function(name, getattr(plugin, name), is_wrapper=_is_wrapper(options))
    return markers


def _check_hashable(plugin: object) -> None:
    try:
        hash(plugin)
    except TypeError:
        raise PluginLoadError(
            f"{type(plugin).__name__} objects are not hashable; "
            "a dataclass needs eq=False or frozen=True"
        ) from None


def _find_markers(hooks: Hooks, plugin: object) -> Markers:
    found = {name: hooks.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    return {name: dict(options) for name, options in found.items() if options}


def _check_name(name: str, options: Mapping[str, Any]) -> None:  # as in Markers
    if options.get("specname"):
        raise PluginLoadError(
            f"{name}: specname= is not supported; name it as the hook"
        )
    known = (*PROVIDER_HOOKS, *OBSERVER_HOOKS)
    if name not in known and not options.get("optionalhook"):
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise PluginLoadError(f"there is no hook called {name}{hint}")


def _check_function(
    name: str, function: Callable[..., object], *, is_wrapper: bool
) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginLoadError(f"{name} is asynchronous; hooks are plain functions")
    if inspect.isgeneratorfunction(function) and not is_wrapper:
        raise PluginLoadError(f"{name} is a generator; hooks return finished values")
    for parameter in inspect.signature(function).parameters.values():
        if problem := _find_parameter_problem(name, parameter):
            raise PluginLoadError(f"{name}: the argument {parameter} {problem}")


def _find_parameter_problem(hook: str, parameter: inspect.Parameter) -> str | None:
    if parameter.default is not parameter.empty:
        return "has a default value; pluggy would never fill it in"
    if parameter.kind is parameter.KEYWORD_ONLY:
        return "is keyword-only; pluggy passes arguments by position"
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        return "would stay empty; name the arguments that are wanted"
    if parameter.name not in _list_arguments(hook):
        return "is unknown to the contract"
    return None


def _list_arguments(hook: str) -> list[str]:
    owner = StorageProvider if hook in PROVIDER_HOOKS else Observer
    spec = getattr(owner, hook, None)  # None for a hook of a later contract version
    return [] if spec is None else list(inspect.signature(spec).parameters)[1:]


def _list_wrappers(markers: Markers) -> list[str]:
    return [name for name, options in markers.items() if _is_wrapper(options)]


def _is_wrapper(options: Mapping[str, Any]) -> bool:  # as in Markers
    return bool(options.get("wrapper") or options.get("hookwrapper"))


def _describe_missing(plugin: object, missing: list[str]) -> str:
    unmarked = [n for n in missing if inspect.getattr_static(plugin, n, None)]
    if unmarked:
        return f"{_join(unmarked)}: not marked with @hookimpl"
    return f"it does not implement {_join(missing)}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)

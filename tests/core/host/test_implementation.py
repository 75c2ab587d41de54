"""Objects that pluggy would accept and call wrongly are refused with a reason."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from labeldock.contract import PLUGIN_GROUP, ListQuery, hookimpl
from labeldock.testing.memory import MemoryProvider


class Misspelt(MemoryProvider):
    @hookimpl
    def list_object(self, storage, query):
        """Misspelt."""


class Unmarked(MemoryProvider):
    def list_objects(self, storage, query):
        """Overridden without its marker."""


class Defaulting(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query=ListQuery()):  # noqa: B008
        """A default, which pluggy never replaces."""


class KeywordOnly(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, *, query):
        """A keyword-only argument, which pluggy never passes."""


class Variadic(MemoryProvider):
    @hookimpl
    def list_objects(self, *args):
        """Arguments without names, which stay empty."""


class Unknown(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query, page_size):
        """An argument that no contract has."""


class Asynchronous(MemoryProvider):
    @hookimpl
    async def list_objects(self, storage, query):
        """A coroutine function."""


class Generator(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        yield storage


class Wrapping(MemoryProvider):
    @hookimpl(wrapper=True)
    def list_objects(self, storage, query):
        return (yield)


class Renamed(MemoryProvider):
    @hookimpl(specname="list_objects")
    def list_all(self, storage, query):
        """Under another name."""


class Unhashable(MemoryProvider):
    __hash__ = None


class Empty:
    """No hook at all."""


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Misspelt(), "no hook called list_object; did you mean list_objects?"),
        (Unmarked(), "list_objects: not marked with @hookimpl"),
        (Defaulting(), "list_objects: the argument query=.* has a default value"),
        (KeywordOnly(), "list_objects: the argument query is keyword-only"),
        (Variadic(), r"list_objects: the argument \*args would stay empty"),
        (Unknown(), "list_objects: the argument page_size is unknown"),
        (Asynchronous(), "list_objects is asynchronous"),
        (Generator(), "list_objects is a generator"),
        (Wrapping(), "list_objects: a provider must not be a wrapper"),
        (Renamed(), "list_all: specname= is not supported"),
        (Unhashable(), "Unhashable objects are not hashable"),
        (Empty(), "does not implement describe, validate, list_objects, get_data"),
        (MemoryProvider, "names the class MemoryProvider; name an instance"),
        (None, "does not implement describe"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_provider_that_would_be_called_wrongly_is_refused(
    load, find_entry, plugin, reason
):
    catalog = load({"memory": plugin})

    assert find_entry(catalog).status == "failed"
    assert re.search(reason, find_entry(catalog).reason)


class Answering:
    @hookimpl
    def list_objects(self, storage, query):
        """Would answer for every provider."""


class WrappedNotification:
    @hookimpl(wrapper=True)
    def after_run_finished(self, event):
        return (yield)


class NotAGenerator:
    @hookimpl(wrapper=True)
    def list_objects(self, storage, query):
        """A wrapper has to yield."""


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Answering(), "list_objects: a plug-in may only wrap operations"),
        (WrappedNotification(), "after_run_finished: notifications cannot be wrapped"),
        (NotAGenerator(), "PluginValidationError"),
        (Empty(), "it implements no hook"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_plug_in_that_would_disturb_providers_is_refused(
    load, find_entry, plugin, reason
):
    catalog = load({"audit": plugin}, group=PLUGIN_GROUP)

    assert find_entry(catalog, "audit").status == "failed"
    assert reason in find_entry(catalog, "audit").reason


def test_an_operation_may_leave_arguments_out(connect, save):
    class Brief(MemoryProvider):
        @hookimpl
        def list_objects(self, storage):
            return super().list_objects(storage, ListQuery())

    bound, ref = connect(Brief())
    save(bound, ref, "a.txt")

    assert [o.key for o in bound.list_objects(ref, ListQuery()).objects] == ["a.txt"]


def test_a_module_can_be_a_provider(load, find_entry):
    module, memory = ModuleType("plugin"), MemoryProvider()
    operations = [name for name in dir(memory) if hasattr(MemoryProvider, name)]
    for name in operations:
        if hasattr(getattr(memory, name), "labeldock_impl"):
            setattr(module, name, getattr(memory, name))

    catalog = load({"memory": module})

    assert find_entry(catalog).status == "loaded"


def test_a_module_lacking_its_markers_is_told_so(load, find_entry):
    module = ModuleType("plugin")
    module.describe = lambda: None

    catalog = load({"memory": module})

    assert find_entry(catalog).reason == "describe: not marked with @hookimpl"


def test_an_optional_hook_of_a_later_contract_is_accepted(load, find_entry):
    class Modern(MemoryProvider):
        @hookimpl(optionalhook=True)
        def copy_object(self):
            """Not in this version."""

    catalog = load({"memory": Modern()})

    assert find_entry(catalog).status == "loaded"

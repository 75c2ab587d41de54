"""Each plug-in is loaded by itself; a broken one says why and stops no other."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from labeldock.contract import (
    PLUGIN_GROUP,
    IncompatibleContract,
    PluginLoadError,
    ProviderClash,
    ProviderUnavailable,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider

SECRET = "s3cret-in-the-message"


def describe_as(**changes):
    """A memory provider that says something else of itself."""

    class Changed(MemoryProvider):
        @hookimpl
        def describe(self):
            return dataclasses.replace(super().describe(), **changes)

    return Changed()


def import_missing():
    import no_such_sdk  # noqa: F401


def import_crash():
    raise RuntimeError(SECRET)


def import_exit():
    raise SystemExit(3)


def import_attribute():
    return object().provider


def import_refusal():
    raise PluginLoadError("the SDK is missing: pip install sdk")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (import_missing, "ModuleNotFoundError: No module named 'no_such_sdk'"),
        (import_crash, "RuntimeError in "),
        (import_exit, "SystemExit in "),
        (import_attribute, "AttributeError: there is no 'provider'"),
        (import_refusal, "the SDK is missing: pip install sdk"),
        (lambda: compile("(", "plugin.py", "exec"), "SyntaxError in plugin.py, line 1"),
    ],
    ids=["missing", "crash", "exit", "attribute", "refusal", "syntax"],
)
def test_a_plug_in_that_cannot_be_imported_is_listed_with_its_reason(
    load, find_entry, broken, reason
):
    catalog = load({"memory": MemoryProvider(), "broken": broken})

    entry = find_entry(catalog, "broken")
    assert entry.status == "failed"
    assert entry.reason.startswith(reason)
    assert [p.info.name for p in catalog.providers] == ["memory"]


def test_a_foreign_message_is_not_shown(load, find_entry, caplog):
    caplog.set_level(logging.DEBUG)

    catalog = load({"broken": import_crash})

    assert f"RuntimeError in {__name__}, line" in find_entry(catalog, "broken").reason
    assert SECRET not in str(catalog.entries) + caplog.text
    with pytest.raises(ProviderUnavailable, match="failed: RuntimeError in") as caught:
        catalog.provider("broken")
    assert SECRET not in str(caught.value)


def test_ctrl_c_during_loading_is_for_the_process(load):
    def interrupt():
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        load({"memory": interrupt})


def test_another_contract_version_is_incompatible(load, find_entry):
    catalog = load({"memory": describe_as(contract_version=2)})

    assert find_entry(catalog).status == "incompatible"
    assert "version 2 of the contract, this labeldock has version 1" in (
        find_entry(catalog).reason
    )


def test_a_describe_that_raises_is_a_failure(load, find_entry):
    class Raising(MemoryProvider):
        @hookimpl
        def describe(self):
            raise ValueError(SECRET)

    catalog = load({"memory": Raising()})

    assert find_entry(catalog).status == "failed"
    assert find_entry(catalog).reason.startswith(f"ValueError in {__name__}, line")


@pytest.mark.parametrize("names", [{"api_type": "other"}, {"aliases": ("other",)}])
def test_a_name_of_another_provider_refuses_both(load, find_entry, names):
    plugins = {"memory": describe_as(**names), "other": describe_as(name="other")}

    catalog = load(plugins)

    reason = "both answer to 'other'"
    assert [e.status for e in catalog.entries] == ["clashing", "clashing"]
    assert find_entry(catalog, "memory").reason == f"memory and other {reason}"
    assert find_entry(catalog, "other").reason == f"other and memory {reason}"


def test_the_name_of_a_failed_provider_stays_taken(load, find_entry):
    plugins = {"memory": describe_as(aliases=("other",)), "other": import_crash}

    catalog = load(plugins)

    assert find_entry(catalog, "memory").status == "clashing"
    assert find_entry(catalog, "other").status == "failed"


def test_the_name_of_a_blocked_provider_is_free(load):
    plugins = {"memory": describe_as(aliases=("other",)), "other": import_crash}

    catalog = load(plugins, block=["other"])

    assert catalog.provider("other").info.name == "memory"


def test_one_object_cannot_be_two_plug_ins(load, find_entry):
    class Watcher:
        @hookimpl
        def after_run_finished(self, event):
            """Watch."""

    watcher = Watcher()

    catalog = load({"a": watcher, "b": watcher}, group=PLUGIN_GROUP)

    assert find_entry(catalog, "a").status == "loaded"
    assert find_entry(catalog, "b").status == "failed"


@pytest.mark.parametrize(
    ("plugin", "kind"),
    [
        (import_crash, PluginLoadError),
        (describe_as(contract_version=2), IncompatibleContract),
        (describe_as(aliases=("other",)), ProviderClash),
    ],
)
def test_strict_loading_raises_what_is_wrong(load, plugin, kind):
    plugins = {"memory": plugin, "other": describe_as(name="other")}

    with pytest.raises(kind, match="memory of labeldock-memory: "):
        load(plugins, strict=True)


def test_strict_loading_accepts_what_the_operator_disabled(load):
    catalog = load({"memory": import_crash}, strict=True, block=["memory"])

    assert catalog.providers == ()

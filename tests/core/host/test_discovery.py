"""What is decided from metadata, before any plug-in is imported."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint

import pytest

from labeldock.contract import PLUGIN_GROUP, ProviderUnavailable, UnknownProvider
from labeldock.host import Choice, load_catalog
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import FakeDistribution, FakeEntryPoint, build_source


def refuse_import():
    raise AssertionError("the plug-in was imported")


def entry(name, load, distribution, version="1.0"):
    owner = FakeDistribution(distribution, version)
    return FakeEntryPoint(name, load, distribution=owner)


def test_two_distributions_with_one_name_are_both_refused_unimported():
    entries = [
        entry("memory", refuse_import, "labeldock-memory"),
        entry("memory", refuse_import, "another-memory"),
    ]

    catalog = load_catalog(entry_points=build_source(entries))

    assert [e.status for e in catalog.entries] == ["clashing", "clashing"]
    assert {e.distribution for e in catalog.entries} == {
        "labeldock-memory",
        "another-memory",
    }
    assert all("another-memory, labeldock-memory" in e.reason for e in catalog.entries)


def test_a_clash_leaves_other_providers_alone():
    entries = [
        entry("other", refuse_import, "one"),
        entry("other", refuse_import, "two"),
        entry("memory", MemoryProvider, "labeldock-memory"),
    ]

    catalog = load_catalog(entry_points=build_source(entries), environment={})

    assert [p.info.name for p in catalog.providers] == ["memory"]
    with pytest.raises(ProviderUnavailable, match="clashing: one, two all claim"):
        catalog.provider("other")


def test_a_distribution_that_is_on_the_path_twice_counts_once():
    entries = [
        entry("memory", MemoryProvider, "labeldock-memory", "2.0"),
        entry("memory", refuse_import, "Labeldock_Memory", "1.0"),
    ]

    catalog = load_catalog(entry_points=build_source(entries), environment={})

    assert [(e.status, e.version) for e in catalog.entries] == [("loaded", "2.0")]


def test_a_blocked_provider_is_not_imported(load, find_entry):
    catalog = load({"memory": refuse_import}, block=["memory"])

    assert find_entry(catalog).status == "disabled"
    with pytest.raises(ProviderUnavailable, match="disabled: on the operator's block"):
        catalog.provider("memory")


def test_what_is_not_allowed_is_not_imported(load, find_entry):
    plugins = {"memory": MemoryProvider(), "other": refuse_import}

    catalog = load(plugins, allow=["memory"])

    assert find_entry(catalog, "memory").status == "loaded"
    assert find_entry(catalog, "other").status == "disabled"
    assert find_entry(catalog, "other").reason == "not on the operator's allow list"


def test_the_block_list_counts_for_more_than_the_allow_list(load, find_entry):
    catalog = load({"memory": refuse_import}, allow=["memory"], block=["memory"])

    assert find_entry(catalog).status == "disabled"


def test_blocking_a_name_ends_its_clash(load):
    entries = [
        entry("other", refuse_import, "one"),
        entry("other", refuse_import, "two"),
    ]

    choice = Choice(block=frozenset({"other"}))
    catalog = load_catalog(choice=choice, entry_points=build_source(entries))

    assert [e.status for e in catalog.entries] == ["disabled", "disabled"]


def test_the_lists_count_for_wrappers_too(load, find_entry):
    catalog = load({"audit": refuse_import}, group=PLUGIN_GROUP, allow=["memory"])

    assert find_entry(catalog, "audit").status == "disabled"


def test_a_listed_name_that_is_not_installed_is_warned_of(load, caplog):
    caplog.set_level(logging.WARNING, "labeldock.host")

    load({"memory": MemoryProvider()}, allow=["memory", "mem-ory"])

    assert "no installed plug-in has the listed name 'mem-ory'" in caplog.text


@pytest.mark.parametrize("version", [None, "raises"])
def test_a_distribution_without_metadata_can_still_be_listed(version, find_entry):
    class Broken(FakeDistribution):
        def read_text(self, filename):
            if version == "raises":
                raise OSError("half removed")

    point = FakeEntryPoint("memory", MemoryProvider, distribution=Broken("x"))

    catalog = load_catalog(entry_points=build_source([point]), environment={})

    assert (find_entry(catalog).distribution, find_entry(catalog).version) == ("", "")
    assert find_entry(catalog).status == "loaded"


def test_entry_points_of_no_distribution_clash_by_what_they_name():
    group = "labeldock.providers"
    entries = [
        EntryPoint("x", "one:provider", group),
        EntryPoint("x", "one:provider", group),
        EntryPoint("x", "two:provider", group),
    ]

    catalog = load_catalog(entry_points=build_source(entries))

    assert [e.status for e in catalog.entries] == ["clashing", "clashing"]
    assert "one:provider, two:provider" in catalog.entries[0].reason


def test_nothing_installed_is_an_empty_catalog(load):
    catalog = load({})

    assert catalog.entries == ()
    with pytest.raises(UnknownProvider, match="available: none"):
        catalog.provider("s3")

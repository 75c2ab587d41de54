"""Catalogs of the memory provider, and of faulty providers made from it."""

from __future__ import annotations

import pytest

from labeldock.contract import BytesContent, Purpose, WriteRequest
from labeldock.host import (
    Choice,
    build_storage_ref,
    load_catalog,
    validate_options,
)
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import FakeEntryPoint, build_catalog, build_source

KEY = b"a key for fingerprints"


@pytest.fixture
def connect():
    """Bind a provider; returns it and a reference to its bucket "photos"."""

    def bind(provider, **options):
        bound = build_catalog(provider, **options).provider("memory")
        settings = validate_options(
            bound, Purpose.IMPORT, {"bucket": "photos"}, stored=False
        )
        ref = build_storage_ref(
            bound, id=7, purpose=Purpose.IMPORT, options=settings, key=KEY
        )
        provider.create_bucket("photos")
        return bound, ref

    return bind


@pytest.fixture
def memory(connect):
    """The memory provider as it should be, bound, with an empty bucket."""
    return connect(MemoryProvider())


@pytest.fixture
def load():
    """Load providers by entry-point name; a function stands for its own `load`."""

    def load(plugins, *, group="labeldock.providers", allow=(), block=(), **options):
        entries = [
            FakeEntryPoint(name, _as_loader(plugin), group=group)
            for name, plugin in plugins.items()
        ]
        options.setdefault("environment", {})
        choice = Choice(frozenset(allow), frozenset(block))
        source = build_source(entries)
        return load_catalog(choice=choice, entry_points=source, **options)

    return load


@pytest.fixture
def save():
    """Save an object through a bound provider."""

    def save(bound, ref, key, data=b"data"):
        request = WriteRequest(key, BytesContent(data), "text/plain")
        return bound.save_annotation(ref, request)

    return save


@pytest.fixture
def find_entry():
    """The catalog's entry of this name."""

    def find(catalog, name="memory"):
        (entry,) = [each for each in catalog.entries if each.name == name]
        return entry

    return find


def _as_loader(plugin):
    is_loader = callable(plugin) and not isinstance(plugin, type)
    return plugin if is_loader else lambda: plugin

"""A call reaches one provider, with every wrapper around it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from labeldock.contract import (
    ByteRange,
    DeleteRequest,
    Deletion,
    ListQuery,
    NotSupported,
    PluginError,
    PresignRequest,
    ProviderCrash,
    Purpose,
    ReadRequest,
    StorageRef,
    ValidateRequest,
    hookimpl,
)
from labeldock.host.hooks import Hooks
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from labeldock.testing.plugins import build_catalog


class Named(MemoryProvider):
    """The memory provider under another name; it counts its calls."""

    def __init__(self, name):
        super().__init__()
        self.name, self.calls = name, 0
        self.create_bucket("photos")

    @hookimpl
    def describe(self):
        return dataclasses.replace(super().describe(), name=self.name)

    @hookimpl
    def list_objects(self, storage, query):
        self.calls += 1
        return super().list_objects(storage, query)


class Recorder:
    """Writes down what it sees around one operation."""

    def __init__(self):
        self.seen = []

    @hookimpl(wrapper=True)
    def list_objects(self, storage, query):
        self.seen.append(("before", storage.provider))
        try:
            return (yield)
        finally:
            self.seen.append(("after", storage.provider))


def refer(bound):
    options = MemoryOptions(bucket="photos")
    return StorageRef(7, bound.info.name, Purpose.IMPORT, options, bound.operator, "f")


def test_every_operation_reaches_the_provider(memory, save):
    bound, ref = memory

    saved = save(bound, ref, "a/b.txt", b"0123456789")
    report = bound.validate(ref, ValidateRequest())
    page = bound.list_objects(ref, ListQuery())
    body = bound.get_data(ref, ReadRequest("a/b.txt", ByteRange(2, 4)))
    content = body.reader.read(100)
    body.reader.close()
    deletion = bound.delete_annotation(ref, DeleteRequest("a/b.txt"))

    assert report.is_ok
    assert [(o.key, o.etag) for o in page.objects] == [("a/b.txt", saved.etag)]
    assert content == b"234"
    assert deletion == Deletion(existed=True)
    with pytest.raises(NotSupported, match="no URLs"):
        bound.presign(ref, PresignRequest("a", timedelta(minutes=1)))


def test_a_bound_provider_says_where_it_comes_from(memory):
    bound, _ = memory

    assert (bound.distribution, bound.version) == ("labeldock-memory", "1.0")
    assert bound.describe() is bound.info
    assert repr(bound) == "<BoundProvider memory of labeldock-memory>"


def test_a_call_reaches_exactly_one_of_many_providers():
    providers = [Named("one"), Named("two"), Named("three")]
    catalog = build_catalog(*providers)
    bound = catalog.provider("two")

    bound.list_objects(refer(bound), ListQuery())

    assert [each.calls for each in providers] == [0, 1, 0]


def test_a_wrapper_runs_around_the_provider_that_is_called():
    recorder, providers = Recorder(), [Named("one"), Named("two")]
    catalog = build_catalog(*providers, plugins={"recorder": recorder})
    bound = catalog.provider("two")

    bound.list_objects(refer(bound), ListQuery())

    assert recorder.seen == [("before", "two"), ("after", "two")]
    assert [each.calls for each in providers] == [0, 1]


def test_a_wrapper_can_refuse_a_call():
    class RateLimit:
        @hookimpl(wrapper=True)
        def list_objects(self):
            raise NotSupported("not today")
            yield

    provider = Named("one")
    bound = build_catalog(provider, plugins={"limit": RateLimit()}).provider("one")

    with pytest.raises(NotSupported, match="not today") as caught:
        bound.list_objects(refer(bound), ListQuery())

    assert (caught.value.provider, provider.calls) == ("one", 0)


def test_the_guard_covers_faults_of_wrappers():
    class Faulty:
        @hookimpl(wrapper=True)
        def list_objects(self):
            yield
            raise KeyError("oops")

    bound = build_catalog(Named("one"), plugins={"x": Faulty()}).provider("one")

    with pytest.raises(
        ProviderCrash, match=r"list_objects of provider 'one'.*KeyError"
    ):
        bound.list_objects(refer(bound), ListQuery())


def test_nothing_can_be_registered_late():
    hooks = Hooks()
    hooks.freeze()

    with pytest.raises(PluginError, match="once the host has started"):
        hooks.register(MemoryProvider(), "provider:late")

"""Clients are kept by fingerprint, bounded, and let go of what they hold."""

from __future__ import annotations

import gc
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bench.object_server import served_objects
from labeldock.contract import (
    ListQuery,
    OperationTimeout,
    RateLimited,
    ReadRequest,
    Unavailable,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import ALWAYS, Delay, FaultProxy, Reply, Stall
from labeldock_azure import clients
from labeldock_azure.clients import ClientCache
from tests.plugins.azure.places import Place
from tests.servers.azurite import ACCOUNT, KEY

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def cache():
    return ClientCache()


@pytest.fixture
def several(storage):
    """The storage under other fingerprints."""

    def several(count):
        return [replace(storage, fingerprint=f"{number}") for number in range(count)]

    return several


def test_a_storage_has_one_client(cache, storage):
    assert cache.get_client(storage) is cache.get_client(storage)


def test_changed_settings_have_another_client(cache, several):
    one, other = several(2)

    assert cache.get_client(one) is not cache.get_client(other)


def test_threads_that_meet_get_the_same_client(cache, storage):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cache.get_client(storage), range(64)))

    assert len({id(client) for client in found}) == 1


def test_the_client_that_was_used_last_goes_last(cache, several, monkeypatch):
    monkeypatch.setattr(clients, "_KEPT", 2)
    one, two, three = several(3)
    first = cache.get_client(one)
    second = cache.get_client(two)
    cache.get_client(one)
    cache.get_client(three)

    assert cache.get_client(one) is first
    assert cache.get_client(two) is not second


def test_a_client_that_is_dropped_closes_its_connections(
    storage, provider, connect, monkeypatch
):
    monkeypatch.setattr(clients, "_KEPT", 1)
    with served_objects() as url, FaultProxy(url) as proxy:
        options = Place(proxy.url, ACCOUNT, KEY).build_options("media")
        body = provider.get_data(connect(**options), ReadRequest("1-100"))
        body.reader.read(100)
        body.reader.close()
        del body
        assert proxy.record.open == 1

        provider.list_objects(storage, ListQuery())
        gc.collect()

        _wait_until(lambda: proxy.record.open == 0)


def test_a_body_keeps_its_dropped_client_until_it_is_read(
    place, media, provider, several, monkeypatch
):
    monkeypatch.setattr(clients, "_KEPT", 1)
    place.put(media, "large.bin", bytes(2**22))
    one, two = several(2)
    body = provider.get_data(one, ReadRequest("large.bin"))
    body.reader.read(10)

    provider.list_objects(two, ListQuery())
    gc.collect()

    rest = b"".join(iter(lambda: body.reader.read(2**16), b""))
    body.reader.close()
    assert len(rest) == 2**22 - 10


def test_a_forked_process_has_clients_of_its_own(cache, storage, monkeypatch):
    before = cache.get_client(storage)
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert cache.get_client(storage) is not before


def test_a_silent_server_is_given_up_after_the_limits_that_were_set(
    place, media, connect, provider, proxy
):
    # The SDK's own limit is five minutes.
    proxy.add(Stall(), times=ALWAYS)
    storage = connect(
        operator={"read_timeout": 0.3, "max_attempts": 1},
        **place.change(endpoint=proxy.url).build_options(media),
    )
    start = time.monotonic()

    with pytest.raises(OperationTimeout, match="in time"):
        provider.list_objects(storage, ListQuery())

    assert time.monotonic() - start < 2


def test_an_endpoint_that_refuses_is_given_up_soon(place, media, connect, provider):
    storage = connect(
        operator={"max_attempts": 3},
        **place.change(endpoint="http://127.0.0.1:9/labels").build_options(media),
    )
    start = time.monotonic()

    with pytest.raises(Unavailable, match="cannot be reached"):
        provider.list_objects(storage, ListQuery())

    assert time.monotonic() - start < 3


def test_a_request_is_tried_as_often_as_was_set(place, media, connect, provider, proxy):
    proxy.add(Reply(Answer(503)), times=ALWAYS)
    storage = connect(
        operator={"max_attempts": 3},
        **place.change(endpoint=proxy.url).build_options(media),
    )

    with pytest.raises(RateLimited, match="slow down"):
        provider.list_objects(storage, ListQuery())

    assert len(proxy.record.requests) == 3


def test_threads_read_over_as_many_connections_as_were_set(connect, provider):
    with served_objects() as url, FaultProxy(url) as proxy:
        storage = connect(
            operator={"connections": 4, "read_timeout": 10},
            **Place(proxy.url, ACCOUNT, KEY).build_options("media"),
        )
        proxy.add(Delay(0.02), times=ALWAYS)

        def read(number):
            body = provider.get_data(storage, ReadRequest(f"{number}-1000"))
            try:
                return len(body.reader.read(1000))
            finally:
                body.reader.close()

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(read, range(40)))

        assert found == {1000}
        assert len(proxy.record.requests) == 40
        assert proxy.record.open <= 4


def test_bodies_that_are_closed_early_leave_no_sockets(place, media, storage, provider):
    place.put(media, "large.bin", bytes(2**22))

    def count():
        return len(list(DESCRIPTORS.iterdir()))

    provider.get_data(storage, ReadRequest("large.bin")).reader.close()
    before = count()
    for _ in range(20):
        body = provider.get_data(storage, ReadRequest("large.bin"))
        body.reader.read(10)
        body.reader.close()

    assert count() <= before + 1


def test_requests_are_not_logged_with_their_addresses(
    place, media, storage, provider, caplog
):
    caplog.set_level(logging.INFO)
    place.put(media, "a.txt")
    caplog.clear()

    provider.list_objects(storage, ListQuery())

    assert media not in caplog.text


def _wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()

"""Clients are kept by fingerprint, bounded, and let go of what they hold."""

from __future__ import annotations

import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench.object_server import served_objects
from labeldock.contract import ListQuery, OperationTimeout, ReadRequest, Unauthenticated
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import ALWAYS, Delay, FaultProxy, Reply, Stall
from labeldock_s3 import clients
from labeldock_s3.clients import ClientCache
from tests.plugins.s3.identities import serve_metadata
from tests.plugins.s3.places import KEY_ID, SECRET, Place
from tests.servers.certificates import build_certificate

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


def list_descriptors(kind):
    """What is open and has this in its name."""
    found = []
    for each in DESCRIPTORS.iterdir():
        with suppress(FileNotFoundError):  # the one that reads the folder
            found.append(str(each.readlink()))
    return [target for target in found if kind in target]


def test_a_storage_has_one_client(cache, storage):
    assert cache.get_client(storage) is cache.get_client(storage)


def test_changed_settings_have_another_client(cache, several):
    one, other = several(2)

    assert cache.get_client(one) is not cache.get_client(other)


def test_threads_that_meet_get_the_same_client(cache, storage):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cache.get_client(storage), range(64)))

    assert len({id(client) for client in found}) == 1


def test_only_so_many_clients_are_kept(cache, several, monkeypatch):
    monkeypatch.setattr(clients, "_KEPT", 3)
    first, *rest = several(5)
    old = cache.get_client(first)
    for storage in rest:
        cache.get_client(storage)

    assert cache.get_client(first) is not old
    assert cache.get_client(rest[-1]) is cache.get_client(rest[-1])


def test_the_client_that_was_used_last_goes_last(cache, several, monkeypatch):
    monkeypatch.setattr(clients, "_KEPT", 2)
    one, two, three = several(3)
    first = cache.get_client(one)
    cache.get_client(two)
    cache.get_client(one)
    cache.get_client(three)

    assert cache.get_client(one) is first


def test_a_client_that_is_dropped_closes_its_connections(
    storage, provider, connect, monkeypatch
):
    monkeypatch.setattr(clients, "_KEPT", 1)
    with served_objects() as url, FaultProxy(url) as proxy:
        options = Place(proxy.url, KEY_ID, SECRET).build_options("media")
        provider.list_objects(connect(**options), ListQuery())
        assert proxy.record.open == 1

        provider.list_objects(storage, ListQuery())

        _wait_until(lambda: proxy.record.open == 0)


def test_a_body_keeps_its_dropped_client_until_it_is_read(
    moto, provider, several, monkeypatch
):
    monkeypatch.setattr(clients, "_KEPT", 1)
    moto.put("media", "large.bin", bytes(2**22))
    one, two = several(2)
    body = provider.get_data(one, ReadRequest("large.bin"))
    body.reader.read(10)

    provider.list_objects(two, ListQuery())
    gc.collect()

    rest = b"".join(iter(lambda: body.reader.read(2**16), b""))
    body.reader.close()
    assert len(rest) == 2**22 - 10


def test_a_dropped_client_leaves_no_authorities_behind(
    provider, connect, moto, tmp_path, monkeypatch
):
    monkeypatch.setattr(clients, "_KEPT", 1)
    authority = build_certificate(tmp_path).authority
    options = {**moto.build_options("media"), "ca_bundle": authority}
    for number in range(5):
        storage = connect(**options)
        provider.list_objects(replace(storage, fingerprint=f"{number}"), ListQuery())

    assert len(list_descriptors("labeldock-authorities")) == 1


def test_a_client_that_cannot_be_made_leaves_nothing_behind(
    provider, connect, tmp_path
):
    storage = connect(bucket="media", ca_bundle=build_certificate(tmp_path).authority)

    with pytest.raises(Unauthenticated, match="no access key"):
        provider.list_objects(storage, ListQuery())

    assert list_descriptors("labeldock-authorities") == []


def test_many_clients_share_the_descriptions_of_the_service(cache, several):
    storages = several(20)

    loaders = {id(cache.get_client(each).api._loader) for each in storages}

    assert len(loaders) == 1


def test_nobody_waits_for_the_client_of_another_storage(
    cache, storage, connect, monkeypatch
):
    with serve_metadata() as metadata:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
        monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "5")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        answer = metadata.find
        waiting, go_on = threading.Event(), threading.Event()

        def find_slowly(path):
            waiting.set()
            go_on.wait(4)
            return answer(path)

        metadata.find = find_slowly
        slow = connect(operator={"ambient_credentials": True}, bucket="media")
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(cache.get_client, slow)
            assert waiting.wait(4)

            assert cache.get_client(storage)

            assert not made.done()
            go_on.set()
            made.result()


def test_a_forked_process_has_clients_of_its_own(cache, storage, monkeypatch):
    before = cache.get_client(storage)
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert cache.get_client(storage) is not before


def test_a_silent_server_is_given_up_after_the_limits_that_were_set(
    moto, connect, provider
):
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(Stall(), times=ALWAYS)
        storage = connect(
            operator={"read_timeout": 0.3, "max_attempts": 1},
            **moto.change(endpoint=proxy.url).build_options("media"),
        )
        start = time.monotonic()
        with pytest.raises(OperationTimeout, match="in time"):
            provider.list_objects(storage, ListQuery())

    assert time.monotonic() - start < 2


def test_a_request_is_tried_as_often_as_was_set(moto, connect, provider):
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(Reply(Answer(503)), times=ALWAYS)
        storage = connect(
            operator={"max_attempts": 3},
            **moto.change(endpoint=proxy.url).build_options("media"),
        )
        with pytest.raises(Exception, match="slow down"):
            provider.list_objects(storage, ListQuery())

        assert len(proxy.record.requests) == 3


def test_threads_read_over_as_many_connections_as_were_set(connect, provider):
    with served_objects() as url, FaultProxy(url) as proxy:
        storage = connect(
            operator={"connections": 4, "read_timeout": 10},
            **Place(proxy.url, KEY_ID, SECRET).build_options("media"),
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


def test_bodies_that_are_closed_early_leave_no_sockets(moto, storage, provider):
    moto.put("media", "large.bin", bytes(2**22))

    def count():
        return len(list_descriptors("socket:"))

    provider.get_data(storage, ReadRequest("large.bin")).reader.close()
    before = count()
    for _ in range(20):
        body = provider.get_data(storage, ReadRequest("large.bin"))
        body.reader.read(10)
        body.reader.close()

    assert count() <= before + 1


def _wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()

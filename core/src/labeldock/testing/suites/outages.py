"""Outages: servers that are away, silent, overloaded, or cut off in the middle."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from labeldock.contract import (
    AccessDenied,
    Availability,
    IntegrityError,
    OperationTimeout,
    Purpose,
    ReadRequest,
    StorageError,
    TransientStorageError,
    Unavailable,
)
from labeldock.testing.answers import Answer
from labeldock.testing.bench import Bench
from labeldock.testing.connection import BLOCK, Connection
from labeldock.testing.contents import assert_same_bytes, build_bytes
from labeldock.testing.proxy import (
    ALWAYS,
    Delay,
    Drop,
    FaultProxy,
    Reply,
    Stall,
    Truncate,
)
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.errors import list_attempts
from labeldock.testing.suites.suite import Suite
from labeldock.testing.suites.validation import check_problems

SIZE = 2**20
BUSY = Answer(503)
KEPT_OPEN = 5
"""How many idle connections a pool may keep after use by one thread."""


class OutageSuite(Suite):
    """A broken server costs a bounded time and ends as one error worth a retry."""

    @scenario("E12")
    def test_e12_unreachable(self, bench: Bench) -> None:
        """A server that cannot be reached is Unavailable, soon."""
        other = bench.connect_to(_find_closed_port(bench))

        _expect_all(bench, other, Unavailable)

    @scenario("E13")
    def test_e13_silent(self, bench: Bench) -> None:
        """A server that never answers is given up in time, as OperationTimeout."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Stall(), times=ALWAYS)

            _expect_all(bench, connection, OperationTimeout)

    @scenario("E14")
    def test_e14_storm(self, bench: Bench) -> None:
        """A server that only says 503 is given up in time, as worth a retry."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Reply(BUSY), times=ALWAYS)

            _expect_all(bench, connection, TransientStorageError)

    @scenario("E15")
    def test_e15_reset(self, bench: Bench) -> None:
        """Connections that are always reset are Unavailable."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Drop(), times=ALWAYS)

            _expect_all(bench, connection, Unavailable)

    @scenario("E16")
    def test_e16_recovers(self, bench: Bench) -> None:
        """After an outage all works again, with the same provider."""
        bench.put("a.txt")
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Drop(), times=ALWAYS)
            with pytest.raises(TransientStorageError):
                connection.read("a.txt")
            proxy.clear()

            assert connection.read("a.txt") == b"0123456789"
            assert connection.list_keys() == ["a.txt"]

    @scenario("E17")
    def test_e17_truncated(self, bench: Bench) -> None:
        """A body that ends early is an error, and never a short body."""
        data = build_bytes(SIZE)
        bench.put("large.bin", data)

        for fault in (Truncate(SIZE // 2), Drop(SIZE // 2), Truncate(SIZE - 1)):
            with bench.open_proxy() as (proxy, connection):
                proxy.add(fault, times=ALWAYS, method="GET")
                with pytest.raises((IntegrityError, TransientStorageError)):
                    connection.read("large.bin")

    @scenario("E18")
    def test_e18_stalled_body(self, bench: Bench) -> None:
        """A body that stalls in the middle is given up in time."""
        bench.put("large.bin", build_bytes(SIZE))
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Stall(after=SIZE // 2), times=ALWAYS, method="GET")

            with (
                _hurry(bench, "the reader"),
                pytest.raises((TransientStorageError, IntegrityError)),
            ):
                connection.read("large.bin")

    @scenario("E19")
    def test_e19_resumed_body(self, bench: Bench) -> None:
        """After one cut a body is whole or an error, and never a mix."""
        data = build_bytes(SIZE)
        bench.put("large.bin", data)
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Drop(SIZE // 3), method="GET")

            try:
                found = connection.read("large.bin")
            except (IntegrityError, TransientStorageError):
                return

        assert_same_bytes(found, data)

    @scenario("E20")
    def test_e20_late(self, bench: Bench) -> None:
        """An answer that is only a little late is an answer."""
        bench.put("a.txt")
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Delay(0.3), times=3)

            assert connection.read("a.txt") == b"0123456789"

    @scenario("E21")
    def test_e21_connections(self, bench: Bench) -> None:
        """Connections are used again, and given back after errors."""
        bench.put("large.bin", build_bytes(SIZE))
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Truncate(1000), times=10, method="GET")
            for _ in range(20):
                _read_carelessly(connection)
            proxy.clear()

            assert _count_open(proxy) <= KEPT_OPEN
            assert_same_bytes(connection.read("large.bin"), build_bytes(SIZE))

    @scenario("E24")
    def test_e24_endpoints(self, bench: Bench) -> None:
        """The settings list the address of the server that they lead to."""
        with bench.open_proxy() as (proxy, connection):
            for ref in connection.refs.values():
                listed = dict(ref.options.list_endpoints())

                hosts = {urlsplit(url).netloc for url in listed.values()}
                assert urlsplit(proxy.url).netloc in hosts
                assert listed.keys() <= type(ref.options).model_fields.keys()

    @scenario("E25")
    def test_e25_refused_peers(self, bench: Bench) -> None:
        """Over a connection that the host refuses, nothing is sent."""
        with bench.open_proxy() as (proxy, connection):
            for name, attempt in list_attempts(_refuse_peers(connection)):
                with _hurry(bench, name), pytest.raises(StorageError):
                    attempt()

            assert proxy.record.requests == []

    @scenario("V5")
    def test_v5_unreachable(self, bench: Bench) -> None:
        """A check of a server that cannot be reached says UNREACHABLE, soon."""
        other = bench.connect_to(_find_closed_port(bench))

        _expect_unreachable(bench, other)

    @scenario("V12")
    def test_v12_silent(self, bench: Bench) -> None:
        """A check of a server that never answers says UNREACHABLE, in time."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Stall(), times=ALWAYS)

            _expect_unreachable(bench, connection)


def _find_closed_port(bench: Bench) -> str:
    assert bench.rig.upstream  # without a server there is nothing to be away
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def _refuse_peers(connection: Connection) -> Connection:
    """The same storages, for a host that lets nobody connect anywhere."""

    def refuse(host: str, address: str) -> None:
        raise AccessDenied(f"Nobody may connect to {host} ({address}).")

    refs = {
        purpose: replace(
            ref, fingerprint=f"{ref.fingerprint}-refused", check_peer=refuse
        )
        for purpose, ref in connection.refs.items()
    }
    return Connection(connection.provider, refs, connection.prefix)


def _expect_all(
    bench: Bench, connection: Connection, kind: type[TransientStorageError]
) -> None:
    """Assert that every operation fails so, within the patience of the rig."""
    for name, attempt in list_attempts(connection):
        with _hurry(bench, name), pytest.raises(kind) as caught:
            attempt()
        assert caught.value.retryable
        assert caught.value.__cause__ is not None


def _expect_unreachable(bench: Bench, connection: Connection) -> None:
    for purpose in Purpose:
        with _hurry(bench, "validate"):
            report = connection.validate(purpose)
        assert report.status is Availability.UNREACHABLE
        check_problems(connection, purpose, report)


@contextmanager
def _hurry(bench: Bench, name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    elapsed = time.monotonic() - start
    assert elapsed < bench.rig.patience, f"{name} took {elapsed:.1f} s"


def _count_open(proxy: FaultProxy) -> int:
    """How many connections stay open; the proxy sees an end a little later."""
    deadline = time.monotonic() + 5
    while proxy.record.open > KEPT_OPEN and time.monotonic() < deadline:
        time.sleep(0.02)
    return proxy.record.open


def _read_carelessly(connection: Connection) -> None:
    """Open a body and leave it after a block, whatever comes."""
    try:
        body = connection.open(ReadRequest("large.bin"))
    except TransientStorageError:
        return
    try:
        body.reader.read(BLOCK)
    except (TransientStorageError, IntegrityError):
        return
    finally:
        body.reader.close()

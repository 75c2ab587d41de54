"""Errors: each has its type, tells where it happened, and can travel."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from labeldock.contract import (
    ContainerNotFound,
    LabeldockError,
    ListQuery,
    ObjectNotFound,
    RateLimited,
    StorageError,
    TransientStorageError,
    Unauthenticated,
)
from labeldock.testing.bench import Bench
from labeldock.testing.connection import Connection
from labeldock.testing.keys import NO_KEYS
from labeldock.testing.proxy import ALWAYS, Reply
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite


class ErrorSuite(Suite):
    """What goes wrong is one error of the contract."""

    @scenario("E1")
    def test_e1_missing_container(self, bench: Bench) -> None:
        """In a container that does not exist, everything is ContainerNotFound."""
        other = bench.connect(bench.rig.missing_container)

        for _, attempt in list_attempts(other):
            with pytest.raises(ContainerNotFound):
                attempt()
        with pytest.raises((ContainerNotFound, ObjectNotFound)):
            other.get_info("a.txt")  # an answer without a body may not tell which

    @scenario("E2")
    def test_e2_throttled(self, bench: Bench) -> None:
        """A server that asks to slow down is RateLimited, with the delay it names."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Reply(bench.rig.throttled), times=ALWAYS)

            with pytest.raises(RateLimited) as caught:
                connection.list_page(ListQuery())

        assert caught.value.retryable
        if bench.rig.retry_after is not None:
            assert caught.value.retry_after == bench.rig.retry_after

    @scenario("E3")
    def test_e3_cause(self, bench: Bench) -> None:
        """What the SDK raised is kept as the cause."""
        with bench.open_proxy() as (proxy, connection):
            proxy.add(Reply(bench.rig.throttled), times=ALWAYS)

            with pytest.raises(TransientStorageError) as caught:
                connection.list_page(ListQuery())

        assert caught.value.__cause__ is not None

    @scenario("E4")
    def test_e4_pickles(self, bench: Bench) -> None:
        """Errors can be sent to another process, with all that they know."""
        errors = list(_collect_errors(bench))

        assert errors
        for error in errors:
            copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
            assert type(copy) is type(error)
            assert str(copy) == str(error)
            assert copy.context == error.context

    @scenario("E5")
    def test_e5_only_ours(self, bench: Bench) -> None:
        """Whatever it is asked for, no foreign error comes out."""
        bench.put("a.txt")
        for key in (*NO_KEYS, "k" * 5000, "a" * 300 + "/b", "/" * 1100):
            for _, attempt in list_attempts(bench, key):
                _tolerate(attempt)
        for prefix in ("\0", "\udcff", "k" * 5000, "//", "../"):
            for query in (ListQuery(prefix), ListQuery(upto_key=prefix)):
                _tolerate(partial(bench.list_page, query))

        assert bench.read("a.txt") == b"0123456789"

    @scenario("E10")
    def test_e10_place(self, bench: Bench) -> None:
        """An error says provider, operation, storage and key."""
        with pytest.raises(ObjectNotFound) as caught:
            bench.read("none.txt")

        error = caught.value
        assert error.provider == bench.info.name
        assert error.operation == "get_data"
        assert error.storage_id == 1
        assert error.key == bench.prefix + "none.txt"
        assert str(error)

    @scenario("E11")
    def test_e11_remedies(self, bench: Bench) -> None:
        """An error about the settings names the field and the remedy."""
        fields = set(bench.info.import_options.model_fields)
        checked = 0
        for situation, kind in (
            (bench.rig.missing_container, ContainerNotFound),
            (bench.rig.wrong_credentials, Unauthenticated),
        ):
            try:
                other = bench.connect(situation)
            except NotApplicable:
                continue
            with pytest.raises(kind) as caught:
                other.list_page(ListQuery())
            assert caught.value.field in fields
            assert caught.value.remedy
            checked += 1

        assert checked


def list_attempts(
    connection: Connection, key: str = "a.txt"
) -> list[tuple[str, Callable[[], object]]]:
    """One call of each operation that needs the storage, by name."""
    return [
        ("list_objects", lambda: connection.list_page(ListQuery())),
        ("get_data", lambda: connection.read(key)),
        ("save_annotation", lambda: connection.save(key)),
        ("delete_annotation", lambda: connection.delete(key)),
    ]


def _tolerate(attempt: Callable[[], object]) -> None:
    """Errors of the contract are fine; the guard turns foreign ones into a crash."""
    try:
        attempt()
    except StorageError:
        return


def _collect_errors(bench: Bench) -> Iterator[LabeldockError]:
    for situation in (
        bench.rig.build_options,
        bench.rig.missing_container,
        bench.rig.wrong_credentials,
        bench.rig.no_permission,
    ):
        try:
            other = bench.connect(situation)
        except NotApplicable:
            continue
        for _, attempt in list_attempts(other, "none.txt"):
            try:
                attempt()
            except StorageError as error:
                yield error

"""Validation: what a check of a storage finds, and what it must not do."""

from __future__ import annotations

import logging

import pytest

from labeldock.contract import (
    Availability,
    Purpose,
    ValidateRequest,
    ValidationReport,
)
from labeldock.testing.bench import Bench, Situation
from labeldock.testing.connection import Connection
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

COMMON_FIELDS = frozenset({"prefix"})
"""Fields that every storage has, beside those of the provider's model."""

PROBE = ValidateRequest(probe_write=True)
WRITING = frozenset({"PUT", "POST", "PATCH", "DELETE"})


class ValidationSuite(Suite):
    """A check answers, whatever is wrong, and says what to do about it."""

    @scenario("V1")
    def test_v1_good(self, bench: Bench) -> None:
        """A storage that is as it should be has no problems."""
        bench.put("a.txt")

        for purpose in Purpose:
            report = bench.validate(purpose)
            assert report.is_ok, repr(report)

    @scenario("V2")
    def test_v2_missing_container(self, bench: Bench) -> None:
        """A container that does not exist is NOT_FOUND."""
        other = bench.connect(bench.rig.missing_container)

        for purpose in Purpose:
            report = other.validate(purpose)
            assert report.status is Availability.NOT_FOUND
            check_problems(other, purpose, report)

    @scenario("V3")
    def test_v3_wrong_credentials(self, bench: Bench) -> None:
        """Credentials that are not known are FORBIDDEN."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.wrong_credentials)

        for purpose in Purpose:
            report = other.validate(purpose)
            assert report.status is Availability.FORBIDDEN
            check_problems(other, purpose, report)

    @scenario("V4")
    def test_v4_read_only(self, bench: Bench) -> None:
        """A probe finds out that writing is forbidden; importing is not affected."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.read_only)

        report = other.validate(Purpose.EXPORT, PROBE)

        assert report.status is Availability.FORBIDDEN
        check_problems(other, Purpose.EXPORT, report)
        assert other.validate(Purpose.IMPORT).is_ok
        assert bench.list_keys() == ["a.txt"]

    @scenario("V6")
    def test_v6_writes_nothing(self, bench: Bench) -> None:
        """A check writes nothing unless it is asked to."""
        bench.put("a.txt")

        if bench.rig.is_proxied():
            with bench.open_proxy() as (proxy, connection):
                for purpose in Purpose:
                    connection.validate(purpose)
                methods = {method for method, _ in proxy.record.requests}
            assert not methods & WRITING
        for purpose in Purpose:
            bench.validate(purpose)

        assert bench.list_keys() == ["a.txt"]

    @scenario("V7")
    def test_v7_fields(self, bench: Bench) -> None:
        """Each problem names a field that exists, and a remedy."""
        found = 0
        for situation in _list_situations(bench):
            try:
                other = bench.connect(situation)
            except NotApplicable:
                continue
            for purpose in Purpose:
                report = other.validate(purpose, PROBE)
                check_problems(other, purpose, report)
                found += 1

        assert found

    @scenario("V8")
    def test_v8_secrets(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """No secret is in a report, in the shape of a storage, or in a log."""
        caplog.set_level(logging.INFO)
        for situation in _list_situations(bench):
            try:
                other = bench.connect(situation)
            except NotApplicable:
                continue
            for purpose in Purpose:
                other.validate(purpose, PROBE)
                bench.watch.scan("the repr of a storage", repr(other.refs[purpose]))

        bench.watch.scan("the log", caplog.text)
        bench.check()

    @scenario("V9")
    def test_v9_nothing_to_import(self, bench: Bench) -> None:
        """An import without an object below its prefix is a problem with the prefix."""
        bench.put("photos/a.jpg")

        report = bench.validate(Purpose.IMPORT, ValidateRequest("films/"))

        assert not report.is_ok
        check_problems(bench, Purpose.IMPORT, report)
        assert {problem.field for problem in report.problems} == {"prefix"}
        assert bench.validate(Purpose.IMPORT, ValidateRequest("photos/")).is_ok
        assert bench.validate(Purpose.IMPORT, ValidateRequest("photos/a")).is_ok

    @scenario("V10")
    def test_v10_empty_target(self, bench: Bench) -> None:
        """An export needs the container alone, empty or not."""
        report = bench.validate(Purpose.EXPORT, ValidateRequest("results/"))

        assert report.is_ok, repr(report)

    @scenario("V11")
    def test_v11_probe(self, bench: Bench) -> None:
        """A probe of a write leaves nothing behind."""
        bench.put("results/a.json")

        for prefix in ("", "results/", "new/"):
            request = ValidateRequest(prefix, probe_write=True)
            assert bench.validate(Purpose.EXPORT, request).is_ok

        assert bench.list_keys() == ["results/a.json"]

    @scenario("V13")
    def test_v13_no_permission(self, bench: Bench) -> None:
        """A container that may not be used at all is FORBIDDEN."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.no_permission)

        for purpose in Purpose:
            report = other.validate(purpose, PROBE)
            assert report.status is Availability.FORBIDDEN
            check_problems(other, purpose, report)

    @scenario("V14")
    def test_v14_origin(self, bench: Bench) -> None:
        """A check for pages of another origin answers as well."""
        bench.put("a.txt")

        report = bench.validate(
            Purpose.IMPORT, ValidateRequest(origin="https://labels.example.org")
        )

        assert report.status is Availability.AVAILABLE
        for problem in report.problems:
            assert problem.message
            assert problem.remedy


def check_problems(
    connection: Connection, purpose: Purpose, report: ValidationReport
) -> None:
    """Assert that a report says what is wrong, where, and what to do."""
    assert report.problems, "a report that is not well has a problem"
    options = type(connection.refs[purpose].options)
    fields = COMMON_FIELDS | set(options.model_fields)
    for problem in report.problems:
        assert problem.message
        assert problem.remedy, f"no remedy for {problem.message!r}"
        assert problem.field in fields, f"{problem.field!r} is no field"


def _list_situations(bench: Bench) -> tuple[Situation, ...]:
    rig = bench.rig
    return (
        rig.missing_container,
        rig.wrong_credentials,
        rig.no_permission,
    )

"""Checks: which permission is missing, and what browsers may read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from azure.storage.blob import CorsRule

from labeldock.contract import (
    AccessDenied,
    Availability,
    Purpose,
    ValidateRequest,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import Reply

ORIGIN = "https://labels.example.org"
PROBE = ValidateRequest("results/", probe_write=True)


@pytest.fixture
def check(provider, connect):
    """The report on a storage with these settings."""

    def check(options, purpose=Purpose.IMPORT, asked=None, **more):
        storage = connect(purpose, **options | more)
        return provider.validate(storage, asked or ValidateRequest())

    return check


def test_a_container_that_may_be_listed_and_read_is_well(place, media, check):
    place.put(media, "a.txt")

    assert check(place.build_sas_options(media, "rl")).is_ok


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_missing_permission_to_list_is_told(place, media, check, purpose):
    report = check(place.build_sas_options(media, "rcwd"), purpose)

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field in {"container", "account_key"}
    assert problem.remedy


def test_a_missing_permission_to_read_is_told(place, media, check):
    place.put(media, "a.txt")

    report = check(place.build_sas_options(media, "l"))

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field == "container"
    assert "not to read" in problem.message


def test_a_missing_permission_to_write_is_told_by_a_probe(place, media, check):
    options = place.build_sas_options(media, "rl")

    careless = check(options, Purpose.EXPORT)
    report = check(options, Purpose.EXPORT, PROBE)

    assert careless.is_ok
    assert report.status is Availability.FORBIDDEN
    assert place.list(media) == []


def test_a_probe_that_cannot_be_removed_is_told(place, media, check):
    report = check(place.build_sas_options(media, "rlcw"), Purpose.EXPORT, PROBE)

    (problem,) = report.problems
    (left,) = place.list(media)
    assert report.status is Availability.AVAILABLE
    assert problem.code == "probe_left"
    assert left in problem.message


def test_the_least_permissions_of_the_guide_are_enough(place, media, check):
    place.put(media, "a.txt")

    assert check(place.build_sas_options(media, "rl")).is_ok
    assert check(place.build_sas_options(media, "rlcwd"), Purpose.EXPORT, PROBE).is_ok


def test_a_folder_that_is_only_marked_holds_nothing(place, media, check):
    place.put(media, "photos/", b"")
    options = place.build_options(media)

    report = check(options, asked=ValidateRequest("photos/"))

    assert [problem.field for problem in report.problems] == ["prefix"]


def test_an_empty_blob_is_a_blob(place, media, check):
    place.put(media, "photos/", b"")
    place.put(media, "photos/empty.txt", b"")

    assert check(place.build_options(media), asked=ValidateRequest("photos/")).is_ok


def test_an_empty_container_is_a_problem_with_the_container(place, media, check):
    (problem,) = check(place.build_options(media)).problems

    assert (problem.field, problem.code) == ("container", "no_object")


@pytest.mark.parametrize(
    ("code", "status", "field"),
    [
        ("AuthenticationFailed", 403, "account_key"),
        ("AuthorizationFailure", 403, "account_key"),
        ("AuthorizationPermissionMismatch", 403, "container"),
        ("KeyBasedAuthenticationNotPermitted", 403, "account_key"),
        ("AccountIsDisabled", 403, "account_key"),
    ],
)
def test_each_refusal_has_its_field(place, media, check, proxy, code, status, field):
    proxy.add(Reply(Answer(status, {"x-ms-error-code": code})))

    report = check(place.change(endpoint=proxy.url).build_options(media))

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field == field
    assert problem.remedy


@pytest.fixture
def cors(place):
    """The account's rules, as they are set during a test."""

    def allow(*rules):
        place.service.set_service_properties(cors=list(rules))

    yield allow
    allow()


def test_pages_may_read_where_a_rule_lets_them(place, media, check, cors):
    place.put(media, "a.txt")
    cors(CorsRule([ORIGIN], ["GET", "HEAD"], allowed_headers=["*"]))

    report = check(place.build_options(media), asked=ValidateRequest(origin=ORIGIN))

    assert report.is_ok


@pytest.mark.parametrize("rules", [(), (CorsRule(["https://other.example"], ["GET"]),)])
def test_pages_that_may_not_read_are_told_with_the_rule(
    place, media, check, cors, rules
):
    place.put(media, "a.txt")
    cors(*rules)

    report = check(place.build_options(media), asked=ValidateRequest(origin=ORIGIN))

    (problem,) = report.problems
    assert report.status is Availability.AVAILABLE
    assert (problem.field, problem.code) == ("container", "cors")
    assert ORIGIN in problem.message


def test_without_an_origin_nobody_looks_at_cors(place, media, check):
    place.put(media, "a.txt")

    assert check(place.build_options(media)).is_ok


def test_media_that_are_streamed_need_no_cors(place, media, check):
    place.put(media, "a.txt")
    options = place.build_sas_options(media, "rl")

    assert check(options, asked=ValidateRequest(origin=ORIGIN)).is_ok


def refuse_localhost(host, address):
    if host == "localhost":
        raise AccessDenied(f"Nobody may connect to {address}.")


def test_a_look_for_cors_goes_nowhere_either(place, media, provider, connect, proxy):
    place.put(media, "a.txt")
    public = {"public_endpoint": proxy.url.replace("127.0.0.1", "localhost")}
    storage = connect(**place.build_options(media) | public)
    storage = replace(storage, check_peer=refuse_localhost)

    report = provider.validate(storage, ValidateRequest(origin=ORIGIN))

    assert [problem.code for problem in report.problems] == ["cors_unchecked"]
    assert proxy.record.requests == []


def test_a_look_for_cors_is_not_led_elsewhere(place, media, check, proxy):
    place.put(media, "a.txt")
    proxy.add(Reply(Answer(302, {"Location": f"{proxy.url}/elsewhere"})), method="GET")

    report = check(
        place.build_options(media),
        asked=ValidateRequest(origin=ORIGIN),
        public_endpoint=proxy.url,
    )

    assert [problem.code for problem in report.problems] == ["cors"]
    assert len(proxy.record.requests) == 1


def test_a_public_endpoint_that_is_out_of_reach_is_told(place, media, check):
    place.put(media, "a.txt")

    report = check(
        place.build_options(media),
        asked=ValidateRequest(origin=ORIGIN),
        public_endpoint="http://127.0.0.1:9/labels",
    )

    (problem,) = report.problems
    assert (problem.field, problem.code) == ("public_endpoint", "cors_unchecked")

"""Checks: which permission is missing, which region, and what browsers may read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from labeldock.contract import (
    AccessDenied,
    Availability,
    DeleteRequest,
    ListQuery,
    PresignRequest,
    Purpose,
    ReadRequest,
    ValidateRequest,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import FaultProxy, Reply
from tests.plugins.s3.accounts import create_user, create_user_with, enforced
from tests.plugins.s3.places import Place

ORIGIN = "https://labels.example.org"
GUIDE = Path(__file__).parents[3] / "docs/how-to/connect-s3.md"
PROBE = ValidateRequest("results/", probe_write=True)


@pytest.fixture
def check(provider, connect):
    """The report on a bucket of a place."""

    def check(place, purpose=Purpose.IMPORT, bucket="media", asked=None, **options):
        storage = connect(purpose, **place.build_options(bucket) | options)
        return provider.validate(storage, asked or ValidateRequest())

    return check


def test_a_bucket_that_may_be_listed_and_read_is_well(moto, check):
    moto.put("media", "a.txt")
    user = create_user(moto, ["s3:ListBucket", "s3:GetObject"])

    with enforced(moto):
        report = check(user)

    assert report.is_ok


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_missing_permission_to_list_is_told(moto, check, purpose):
    moto.put("media", "a.txt")
    user = create_user(moto, ["s3:GetObject", "s3:PutObject"])

    with enforced(moto):
        report = check(user, purpose)

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field == "bucket"
    assert "s3:ListBucket" in problem.remedy


def test_a_missing_permission_to_read_is_told(moto, check):
    moto.put("media", "a.txt")
    user = create_user(moto, ["s3:ListBucket"])

    with enforced(moto):
        report = check(user)

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field == "bucket"
    assert "not to read" in problem.message
    assert "s3:GetObject" in problem.remedy


def test_a_missing_permission_to_write_is_told_by_a_probe(moto, check):
    user = create_user(moto, ["s3:ListBucket", "s3:GetObject"])

    with enforced(moto):
        careless = check(user, Purpose.EXPORT)
        report = check(user, Purpose.EXPORT, asked=PROBE)

    assert careless.is_ok
    assert report.status is Availability.FORBIDDEN
    assert "s3:PutObject" in report.problems[0].remedy


def test_a_probe_that_cannot_be_removed_is_told(moto, check):
    user = create_user(moto, ["s3:ListBucket", "s3:GetObject", "s3:PutObject"])

    with enforced(moto):
        report = check(user, Purpose.EXPORT, asked=PROBE)

    (problem,) = report.problems
    (left,) = moto.list("media")
    assert report.status is Availability.AVAILABLE
    assert problem.code == "probe_left"
    assert left in problem.message
    assert "s3:DeleteObject" in problem.remedy


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"secret": "wrong"}, "aws_secret_access_key"),
        ({"key_id": "AKIAXXXXXXXXXXXXXXXX"}, "aws_access_key_id"),
    ],
)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_wrong_key_is_told_from_a_wrong_secret(moto, check, change, field, purpose):
    user = create_user(moto, ["s3:*"])

    with enforced(moto):
        report = check(user.change(**change), purpose)

    assert report.status is Availability.FORBIDDEN
    assert [problem.field for problem in report.problems] == [field]


def load_policy(name):
    """A policy as the guide prints it."""
    blocks = re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    found = [json.loads(block) for block in blocks if name in block]
    (statements,) = [each["Statement"] for each in found if "Statement" in each]
    return statements


def test_the_least_permissions_of_the_guide_are_enough_for_an_import(
    moto, check, connect, provider
):
    moto.put("media", "a.txt")
    user = create_user_with(moto, load_policy("LabeldockImport"))
    storage = connect(**user.build_options("media"))

    with enforced(moto):
        report = check(user)
        page = provider.list_objects(storage, ListQuery())
        provider.get_data(storage, ReadRequest("a.txt")).reader.close()
        provider.get_data(storage, ReadRequest("a.txt", metadata_only=True))

    assert report.is_ok
    assert [found.key for found in page.objects] == ["a.txt"]


def test_the_least_permissions_of_the_guide_are_enough_for_an_export(moto, check):
    user = create_user_with(moto, load_policy("LabeldockExport"))

    with enforced(moto):
        report = check(user, Purpose.EXPORT, asked=PROBE)

    assert report.is_ok
    assert moto.list("media") == []


def test_a_policy_for_one_prefix_is_enough(moto, check):
    moto.put("media", "results/old.json")
    statements = [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::media",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::media/results/*",
        },
    ]
    user = create_user_with(moto, statements)

    with enforced(moto):
        inside = check(user, Purpose.EXPORT, asked=PROBE)
        outside = check(
            user, Purpose.EXPORT, asked=ValidateRequest("other/", probe_write=True)
        )

    assert inside.is_ok
    assert outside.status is Availability.FORBIDDEN


def test_the_permissions_of_the_guide_are_those_and_no_more():
    actions = {
        action
        for name in ("LabeldockImport", "LabeldockExport")
        for statement in load_policy(name)
        for action in statement["Action"]
    }

    assert actions == {
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
    }


def test_a_folder_that_is_only_marked_holds_nothing(moto, check):
    moto.put("media", "photos/", b"")

    report = check(moto, asked=ValidateRequest("photos/"))

    assert [problem.code for problem in report.problems] == ["no_object"]
    assert report.problems[0].field == "prefix"


def test_an_empty_object_is_an_object(moto, check):
    moto.put("media", "photos/", b"")
    moto.put("media", "photos/empty.txt", b"")

    assert check(moto, asked=ValidateRequest("photos/")).is_ok


def test_an_empty_bucket_is_a_problem_with_the_bucket(moto, check):
    (problem,) = check(moto).problems

    assert (problem.field, problem.code) == ("bucket", "no_object")


def test_a_bucket_of_another_region_is_told_though_boto3_finds_it(
    moto, check, monkeypatch
):
    headers = {"Content-Type": "application/xml", "x-amz-bucket-region": "eu-west-1"}
    page = Answer(200, headers, b"<ListBucketResult/>")
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(Reply(page))
        monkeypatch.setenv("HTTP_PROXY", proxy.url)  # so it is asked in Amazon's place
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        amazon = moto.change(endpoint="http://s3.us-east-1.amazonaws.com")
        report = check(amazon, Purpose.EXPORT)

    (problem,) = report.problems
    assert report.status is Availability.AVAILABLE
    assert (problem.field, problem.code) == ("region_name", "wrong_region")
    assert "eu-west-1" in problem.remedy


def test_a_wrong_region_is_told_with_the_right_one(moto, check):
    body = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code>"
        b"<Region>eu-central-1</Region></Error>"
    )
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(
            Reply(Answer(400, {"Content-Type": "application/xml"}, body)), times=9
        )

        report = check(moto.change(endpoint=proxy.url))

    (problem,) = report.problems
    assert problem.field == "region_name"
    assert "eu-central-1" in problem.remedy


def test_clocks_that_differ_are_told(moto, check):
    body = b"<Error><Code>RequestTimeTooSkewed</Code></Error>"
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(
            Reply(Answer(403, {"Content-Type": "application/xml"}, body)), times=9
        )

        report = check(moto.change(endpoint=proxy.url))

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert "clock" in problem.remedy


def test_an_expired_token_is_told(moto, check):
    body = b"<Error><Code>ExpiredToken</Code></Error>"
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(
            Reply(Answer(400, {"Content-Type": "application/xml"}, body)), times=9
        )

        report = check(moto.change(endpoint=proxy.url), aws_session_token="old-token")

    (problem,) = report.problems
    assert report.status is Availability.FORBIDDEN
    assert problem.field == "aws_session_token"


def test_a_web_site_is_no_s3_server(moto, check):
    page = Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><p>Hello<br>")
    with FaultProxy(moto.endpoint) as proxy:
        proxy.add(Reply(page), times=9)

        report = check(moto.change(endpoint=proxy.url))

    (problem,) = report.problems
    assert problem.field == "s3_endpoint"
    assert "another port" in problem.remedy


def test_pages_may_read_where_the_server_lets_them(moto, check):
    moto.put("media", "a.txt")  # moto lets everybody

    assert check(moto, asked=ValidateRequest(origin=ORIGIN)).is_ok


def test_pages_that_may_not_read_are_told_with_the_rule(swift, check):
    place = Place(swift.url, swift.key_id, swift.secret)
    place.create_bucket("origins")
    place.put("origins", "a.txt")

    report = check(place, bucket="origins", asked=ValidateRequest(origin=ORIGIN))

    (problem,) = report.problems
    assert report.status is Availability.AVAILABLE
    assert (problem.field, problem.code) == ("bucket", "cors")
    assert ORIGIN in problem.message
    assert "CORS rule" in problem.remedy


def test_without_an_origin_nobody_looks_at_cors(swift, check):
    place = Place(swift.url, swift.key_id, swift.secret)
    place.create_bucket("no-origins")
    place.put("no-origins", "a.txt")

    assert check(place, bucket="no-origins").is_ok


def test_a_public_endpoint_that_is_out_of_reach_is_told(moto, check):
    moto.put("media", "a.txt")

    report = check(
        moto,
        asked=ValidateRequest(origin=ORIGIN),
        public_endpoint="http://127.0.0.1:9",
    )

    (problem,) = report.problems
    assert (problem.field, problem.code) == ("public_endpoint", "cors_unchecked")


def refuse_localhost(host, address):
    if host == "localhost":
        raise AccessDenied(f"Nobody may connect to {address}.")


def test_a_look_for_cors_goes_nowhere_either(moto, provider, connect):
    moto.put("media", "a.txt")
    with FaultProxy(moto.endpoint) as proxy:
        public = {"public_endpoint": proxy.url.replace("127.0.0.1", "localhost")}
        storage = connect(**moto.build_options("media") | public)
        storage = replace(storage, check_peer=refuse_localhost)

        report = provider.validate(storage, ValidateRequest(origin=ORIGIN))

        assert [problem.code for problem in report.problems] == ["cors_unchecked"]
        assert proxy.record.requests == []


def test_an_object_that_cannot_be_signed_says_nothing_of_cors(moto, check):
    moto.put("media", "../a.txt")

    assert check(moto, asked=ValidateRequest(origin=ORIGIN)).is_ok


def test_a_check_leaves_a_storage_that_can_be_used(moto, provider, connect):
    storage = connect(Purpose.EXPORT, **moto.build_options("media"))

    provider.validate(storage, PROBE)

    assert not provider.delete_annotation(storage, DeleteRequest("x")).existed
    assert provider.presign(storage, PresignRequest("x", timedelta(1)))

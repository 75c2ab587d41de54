"""A check of a bucket works with permissions on objects alone, and names the field."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labeldock.contract import (
    AccessDenied,
    Availability,
    Purpose,
    ValidateRequest,
)
from tests.servers.certificates import build_certificate
from tests.servers.moto import run_moto

ORIGIN = "https://labels.example.org"


@pytest.fixture
def check(provider, connect, server):
    """Check a bucket as an account with some permissions; the report."""

    def check(purpose, *permissions, **request):
        account = server.add_account(
            "checked", [f"storage.objects.{each}" for each in permissions]
        )
        document = server.build_document(account)
        storage = connect(purpose, google_application_credentials=document)
        return provider.validate(storage, ValidateRequest(**request))

    return check


def test_an_import_takes_list_and_get(check, bucket):
    bucket.put("a.txt", b"data", "text/plain")

    assert check(Purpose.IMPORT, "list", "get").is_ok


@pytest.mark.parametrize(
    ("permissions", "missing"), [(["get"], "list"), (["list"], "get")]
)
def test_an_import_says_which_permission_is_missing(
    check, bucket, permissions, missing
):
    bucket.put("a.txt", b"data", "text/plain")

    report = check(Purpose.IMPORT, *permissions)

    assert report.status is Availability.FORBIDDEN
    assert f"storage.objects.{missing}" in report.problems[0].message
    assert report.problems[0].field == "bucket"
    assert "Storage Object Viewer" in report.problems[0].remedy


def test_an_empty_bucket_is_a_problem_of_an_import(check):
    assert [each.field for each in check(Purpose.IMPORT, "list", "get").problems] == [
        "bucket"
    ]


@pytest.mark.parametrize("permission", ["list", "get", "create", "delete"])
def test_an_export_takes_any_permission_to_be_there(check, permission):
    assert check(Purpose.EXPORT, permission).is_ok


def test_an_export_without_any_permission_is_forbidden(check):
    report = check(Purpose.EXPORT)

    assert report.status is Availability.FORBIDDEN
    assert report.problems[0].field == "bucket"


def test_a_probe_takes_create_and_delete(check, bucket):
    assert check(Purpose.EXPORT, "create", "delete", probe_write=True).is_ok
    assert bucket.names == []


def test_a_probe_says_which_permission_is_missing(check):
    report = check(Purpose.EXPORT, "list", "get", probe_write=True)

    assert report.status is Availability.FORBIDDEN
    assert "storage.objects.create" in report.problems[0].message


def test_a_server_that_knows_no_permissions_is_listed(check, server):
    fault = server.add_fault(path="/iam/testPermissions", status=501)

    assert check(Purpose.EXPORT, "list").is_ok
    assert fault.fired == 1


def test_the_bucket_itself_is_not_asked_for(check, bucket, server):
    bucket.put("a.txt", b"data", "text/plain")

    check(Purpose.IMPORT, "list", "get", origin=ORIGIN)
    check(Purpose.EXPORT, "create", "delete", probe_write=True)

    paths = [target.partition("?")[0] for _, target in server.requests]
    assert f"/storage/v1/b/{bucket.name}" not in paths


def test_an_origin_that_is_allowed_is_no_problem(check, bucket):
    bucket.put("a.txt", b"data", "text/plain")
    bucket.origins = frozenset({ORIGIN})

    assert check(Purpose.IMPORT, "list", "get", origin=ORIGIN).is_ok


def test_an_origin_that_is_not_allowed_is_a_problem(check, bucket):
    bucket.put("a.txt", b"data", "text/plain")

    report = check(Purpose.IMPORT, "list", "get", origin=ORIGIN)

    (problem,) = report.problems
    assert report.status is Availability.AVAILABLE
    assert (problem.code, problem.field) == ("cors", "bucket")
    assert ORIGIN in problem.message


def test_origins_do_not_matter_where_nothing_is_signed(provider, connect, bucket):
    bucket.put("a.txt", b"data", "text/plain")
    bucket.is_public = True
    storage = connect(google_application_credentials=None, anonymous=True)

    assert provider.validate(storage, ValidateRequest(origin=ORIGIN)).is_ok


def test_a_public_endpoint_that_is_out_of_reach_is_told(provider, connect, bucket):
    bucket.put("a.txt", b"data", "text/plain")
    storage = connect(public_endpoint="http://127.0.0.1:9")

    report = provider.validate(storage, ValidateRequest(origin=ORIGIN))

    (problem,) = report.problems
    assert (problem.field, problem.code) == ("public_endpoint", "cors_unchecked")


def refuse_localhost(host, address):
    if host == "localhost":
        raise AccessDenied(f"Nobody may connect to {address}.")


def test_a_look_for_origins_goes_nowhere_either(provider, connect, bucket, server):
    bucket.put("a.txt", b"data", "text/plain")
    public = server.url.replace("127.0.0.1", "localhost")
    storage = replace(connect(public_endpoint=public), check_peer=refuse_localhost)

    report = provider.validate(storage, ValidateRequest(origin=ORIGIN))

    assert [problem.code for problem in report.problems] == ["cors_unchecked"]
    assert not [target for _, target in server.requests if "X-Goog-Signature" in target]


def test_a_key_that_cannot_be_signed_says_nothing_of_origins(provider, connect, bucket):
    bucket.put("../a.txt", b"data", "text/plain")

    assert provider.validate(connect(), ValidateRequest(origin=ORIGIN)).is_ok


def test_without_an_origin_nobody_looks_at_cors(check, bucket, server):
    bucket.put("a.txt", b"data", "text/plain")

    assert check(Purpose.IMPORT, "list", "get").is_ok
    assert not [target for _, target in server.requests if "X-Goog-Signature" in target]


def test_a_server_that_nobody_trusts_is_told(provider, connect, tmp_path):
    with run_moto(build_certificate(tmp_path)) as url:  # any server with TLS
        storage = connect(
            gcs_endpoint=url, google_application_credentials=None, anonymous=True
        )

        report = provider.validate(storage, ValidateRequest())

    (problem,) = report.problems
    assert report.status is Availability.UNREACHABLE
    assert problem.field == "gcs_endpoint"
    assert "not trusted" in problem.message
    assert "REQUESTS_CA_BUNDLE" in problem.remedy


def test_what_no_table_knows_still_has_a_field_and_a_remedy(provider, storage, server):
    server.add_fault(path="/o?", status=418, times=9)

    report = provider.validate(storage, ValidateRequest())

    assert report.status is Availability.AVAILABLE
    assert not report.is_ok
    assert report.problems[0].field
    assert report.problems[0].remedy

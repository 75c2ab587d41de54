"""Who asks: keys, tokens, roles, the machine's own identity, and nobody."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from labeldock.contract import (
    AccessDenied,
    Availability,
    ListQuery,
    PresignRequest,
    Unauthenticated,
    Unavailable,
    ValidateRequest,
)
from tests.plugins.s3.accounts import build_client, create_user, enforced, recorded
from tests.plugins.s3.identities import serve_metadata

MINUTE = timedelta(minutes=1)
ANYBODY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    ],
})  # fmt: skip
READING = json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:List*", "s3:Get*"], "Resource": "*"}
    ],
})  # fmt: skip


def is_of(request, service):
    """Whether a recorded request was signed for a service."""
    return f"/{service}/aws4_request" in request["headers"].get("Authorization", "")


@pytest.fixture
def list_keys(provider):
    def list_keys(storage):
        return [
            found.key for found in provider.list_objects(storage, ListQuery()).objects
        ]

    return list_keys


@pytest.fixture
def find_identity(provider):
    """With which key a storage signs."""

    def find_identity(storage):
        url = provider.presign(storage, PresignRequest("a.txt", MINUTE)).url
        told = dict(parse_qsl(urlsplit(url).query))
        return told["X-Amz-Credential"].split("/")[0], told.get("X-Amz-Security-Token")

    return find_identity


@pytest.fixture
def keyless(moto, connect):
    """A storage without a key, for an operator who permits that or not."""
    moto.put("media", "a.txt")
    options = moto.change(key_id="", secret="").build_options("media")

    def keyless(*, is_permitted=True, **more):
        operator = {"ambient_credentials": is_permitted}
        return connect(operator=operator, **options | more)

    return keyless


# Roles


@pytest.fixture
def role(moto):
    """A role that may read, and that anybody may assume."""
    iam = build_client(moto, "iam")
    made = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=ANYBODY)
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=READING)
    return made["Role"]["Arn"]


@pytest.fixture
def assume(connect):
    """A storage whose role a user of a place assumes."""

    def assume(place, role_arn, **more):
        options = place.build_options("media")
        return connect(
            **options, role_arn=role_arn, sts_endpoint=place.endpoint, **more
        )

    return assume


def test_a_role_is_assumed_and_its_permissions_count(moto, assume, role, list_keys):
    moto.put("media", "a.txt")
    user = create_user(moto, ["sts:AssumeRole"])

    with enforced(moto):
        assert list_keys(assume(user, role)) == ["a.txt"]


def test_a_url_is_signed_by_the_role(moto, assume, role, find_identity):
    key_id, token = find_identity(assume(moto, role))

    assert key_id.startswith("ASIA")
    assert token


def test_a_role_that_may_not_be_assumed_is_a_problem_with_the_role(
    moto, assume, role, provider
):
    user = create_user(moto, ["s3:ListBucket"])
    storage = assume(user, role)

    with enforced(moto):
        with pytest.raises(AccessDenied, match="may not be assumed") as caught:
            provider.list_objects(storage, ListQuery())
        report = provider.validate(storage, ValidateRequest())

    assert caught.value.field == "role_arn"
    assert report.status is Availability.FORBIDDEN
    assert report.problems[0].field == "role_arn"
    assert "external id" in report.problems[0].remedy


def test_a_wrong_key_for_a_role_is_a_problem_with_the_key(
    moto, assume, role, list_keys
):
    user = create_user(moto, ["sts:AssumeRole"]).change(key_id="AKIAXXXXXXXXXXXXXXXX")

    with enforced(moto), pytest.raises(Unauthenticated, match="not known") as caught:
        list_keys(assume(user, role))

    assert caught.value.field == "aws_access_key_id"


def test_the_external_id_is_sent(moto, assume, role, list_keys):
    storage = assume(moto, role, external_id="the-tenant-42")

    with recorded(moto) as requests:
        list_keys(storage)

    (body,) = [each["body"] for each in requests if is_of(each, "sts")]
    sent = parse_qs(base64.b64decode(body).decode())
    assert sent["ExternalId"] == ["the-tenant-42"]
    assert sent["RoleArn"] == [role]


def test_a_role_is_assumed_once_for_many_requests(moto, assume, role, list_keys):
    storage = assume(moto, role)

    with recorded(moto) as requests:
        for _ in range(3):
            list_keys(storage)

    assert [is_of(each, "sts") for each in requests] == [True, False, False, False]


def test_a_role_whose_sts_is_away_is_an_outage(moto, connect, role, list_keys):
    storage = connect(
        **moto.build_options("media"), role_arn=role, sts_endpoint="http://127.0.0.1:9"
    )

    with pytest.raises(Unavailable, match="cannot be reached"):
        list_keys(storage)


# The machine's own identity


def test_the_machines_identity_is_not_lent_without_permission(
    keyless, monkeypatch, list_keys
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    with pytest.raises(Unauthenticated, match="does not permit") as caught:
        list_keys(keyless(is_permitted=False))

    assert caught.value.field == "aws_access_key_id"
    assert "LABELDOCK_S3_AMBIENT_CREDENTIALS" in caught.value.remedy


def test_the_environment_is_an_identity(keyless, monkeypatch, list_keys, find_identity):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-token")

    assert list_keys(keyless()) == ["a.txt"]
    assert find_identity(keyless()) == ("AKIAENVIRONMENT00000", "the-token")


def test_a_profile_is_an_identity(keyless, monkeypatch, tmp_path, find_identity):
    file = tmp_path / "credentials"
    file.write_text(
        "[labels]\n"
        "aws_access_key_id = AKIAPROFILE000000000\n"
        "aws_secret_access_key = x\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "labels")

    assert find_identity(keyless()) == ("AKIAPROFILE000000000", None)


def test_an_instance_has_an_identity(keyless, monkeypatch, list_keys, find_identity):
    with serve_metadata() as metadata:
        _point_to(monkeypatch, metadata)

        assert list_keys(keyless()) == ["a.txt"]
        assert find_identity(keyless()) == (metadata.key_id, "the-instance-token")


def test_a_url_does_not_outlive_the_credentials_that_signed_it(
    keyless, monkeypatch, provider
):
    with serve_metadata() as metadata:
        _point_to(monkeypatch, metadata)
        metadata.life = timedelta(minutes=30)

        signed = provider.presign(
            keyless(), PresignRequest("a.txt", timedelta(hours=2))
        )

    left = signed.expires_at - datetime.now(UTC)
    assert timedelta(minutes=25) < left <= timedelta(minutes=30)


def test_a_pod_has_an_identity(moto, keyless, monkeypatch, tmp_path, list_keys):
    token = tmp_path / "token"
    token.write_text(_build_token())
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert list_keys(keyless()) == ["a.txt"]


def test_a_machine_without_an_identity_says_so(keyless, monkeypatch, list_keys):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")

    with pytest.raises(Unauthenticated, match="no identity of its own") as caught:
        list_keys(keyless())

    assert caught.value.remedy


def test_a_profile_that_does_not_exist_is_a_missing_credential(
    keyless, monkeypatch, list_keys
):
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(Unauthenticated, match="no credentials") as caught:
        list_keys(keyless())

    assert "nobody" not in str(caught.value)


def test_what_the_machine_is_does_not_touch_a_storage_with_a_key(
    moto, storage, monkeypatch, tmp_path, list_keys, find_identity
):
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = virtual\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    moto.put("media", "a.txt")

    assert list_keys(storage) == ["a.txt"]
    assert find_identity(storage) == (moto.key_id, None)


def _point_to(monkeypatch, metadata):
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def _build_token():
    def encode(part):
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    return f"{encode({'alg': 'none'})}.{encode({'sub': 'pod', 'iss': 'cluster'})}.x"


# Nobody


def test_a_public_bucket_is_read_without_credentials(moto, connect, list_keys):
    moto.put("media", "a.txt")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": ["arn:aws:s3:::media", "arn:aws:s3:::media/*"],
    }
    moto.client.put_bucket_policy(
        Bucket="media", Policy=json.dumps({"Statement": [statement]})
    )
    options = moto.change(key_id="", secret="").build_options("media")

    assert list_keys(connect(**options, anonymous=True)) == ["a.txt"]


# Tokens


def test_a_session_token_is_sent(moto, connect, provider):
    storage = connect(**moto.build_options("media"), aws_session_token="the-token")

    with recorded(moto) as requests:
        provider.list_objects(storage, ListQuery())

    (request,) = requests
    assert request["headers"]["X-Amz-Security-Token"] == "the-token"

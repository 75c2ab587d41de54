"""The settings of a bucket: what they take, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from labeldock.contract import RESERVED_FIELDS, secret_fields
from labeldock_s3.options import S3OperatorOptions, S3Options

GUIDE = Path(__file__).parents[3] / "docs/how-to/connect-s3.md"
KEY = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
PEM = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"


def test_a_bucket_and_a_key_are_enough():
    options = S3Options(bucket="media", **KEY)

    assert options.base_uri() == "s3://media/"
    assert options.verify_tls
    assert not options.anonymous


def test_the_names_on_the_wire_are_those_of_label_studio():
    names = {
        "bucket", "region_name", "s3_endpoint", "aws_access_key_id",
        "aws_secret_access_key", "aws_session_token", "aws_sse_kms_key_id",
        "role_arn", "external_id",
    }  # fmt: skip

    assert names <= set(S3Options.model_fields)
    assert not RESERVED_FIELDS & set(S3Options.model_fields)


def test_what_is_secret_is_marked_so():
    assert secret_fields(S3Options) == {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "external_id",
    }


def test_no_secret_is_in_the_shape_of_the_settings():
    options = S3Options(
        bucket="media",
        aws_access_key_id="AKIDENTITY",
        aws_secret_access_key="SECRETKEY",
        aws_session_token="SESSIONTOKEN",
        role_arn="arn:aws:iam::1:role/x",
        external_id="EXTERNALID",
    )

    for text in (repr(options), str(options), options.model_dump_json()):
        assert not any(
            secret in text
            for secret in ("AKIDENTITY", "SECRETKEY", "SESSIONTOKEN", "EXTERNALID")
        )


@pytest.mark.parametrize("model", [S3Options, S3OperatorOptions])
def test_every_field_is_described_for_a_form(model):
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.title or model is S3OperatorOptions, name


def test_the_guide_tells_every_setting():
    text = GUIDE.read_text()

    for name in S3Options.model_fields:
        assert f"`{name}`" in text
    for name, field in S3OperatorOptions.model_fields.items():
        default = "off" if field.default is False else f"{field.default:g}"
        assert f"| `LABELDOCK_S3_{name.upper()}` | {default} |" in text


@pytest.mark.parametrize(
    "name", ["media", "my.media-2", "Old_Bucket", "a" * 63, "123", "b-1.example.org"]
)
def test_a_bucket_name_is_taken(name):
    assert S3Options(bucket=name).bucket == name


@pytest.mark.parametrize(
    "name", ["ab", "-media", "media-", "me/dia", "s3://media", "méd", "a b", "a" * 256]
)
def test_what_is_no_bucket_name_is_refused(name):
    with pytest.raises(ValidationError, match="not a bucket name"):
        S3Options(bucket=name)


def test_a_directory_bucket_is_refused_with_the_reason():
    with pytest.raises(ValidationError, match="list in no order"):
        S3Options(bucket="media--use1-az4--x-s3")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9000",
        "https://s3.example.org",
        "https://[::1]:9000",
        "https://example.org/s3",
    ],
)
def test_an_endpoint_is_taken(address):
    options = S3Options(bucket="media", s3_endpoint=address, public_endpoint=address)

    assert options.s3_endpoint == options.public_endpoint == address


def test_an_endpoint_loses_its_last_slash():
    options = S3Options(bucket="media", s3_endpoint="https://s3.example.org/")

    assert options.s3_endpoint == "https://s3.example.org"


@pytest.mark.parametrize(
    "address",
    [
        "minio:9000",
        "ftp://example.org",
        "https://user:word@example.org",
        "https://example.org/?x=1",
        "https://example.org/#x",
        "https://",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("field", ["s3_endpoint", "public_endpoint", "sts_endpoint"])
def test_what_is_no_address_is_refused(field, address):
    with pytest.raises(ValidationError, match="not an address"):
        S3Options(bucket="media", **{field: address})


@pytest.mark.parametrize("region", ["us-east-1", "auto", "default", "EU", "x"])
def test_a_region_is_taken(region):
    assert S3Options(bucket="media", region_name=region).region_name == region


@pytest.mark.parametrize("region", ["eu west", "evil.com/", "-eu", "a" * 64])
def test_what_is_no_region_is_refused(region):
    with pytest.raises(ValidationError, match="region_name"):
        S3Options(bucket="media", region_name=region)


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_is_what_is_not_set(blank):
    options = S3Options.model_validate(
        {
            "bucket": "media",
            "region_name": blank,
            "s3_endpoint": blank,
            "aws_access_key_id": blank,
            "aws_session_token": blank,
            "server_side_encryption": blank,
            "verify_tls": blank,
            "anonymous": True,
        }
    )

    assert options == S3Options(bucket="media", anonymous=True)


def test_spaces_around_a_pasted_key_are_dropped():
    options = S3Options(
        bucket=" media ", aws_access_key_id=" id\n", aws_secret_access_key="secret\n"
    )

    assert options.bucket == "media"
    assert options.aws_access_key_id.get_secret_value() == "id"
    assert options.aws_secret_access_key.get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"aws_access_key_id": "id"}, "belong together"),
        ({"aws_secret_access_key": "secret"}, "belong together"),
        ({"aws_session_token": "token"}, "needs its access key"),
        ({"anonymous": True, **KEY}, "neither a key nor a role"),
        ({"anonymous": True, "role_arn": "arn"}, "neither a key nor a role"),
        ({"external_id": "x", **KEY}, "needs role_arn"),
        (
            {"server_side_encryption": "AES256", "aws_sse_kms_key_id": "key"},
            "needs server_side_encryption aws:kms",
        ),
        ({"server_side_encryption": "none"}, "server_side_encryption"),
        ({"addressing_style": "host"}, "addressing_style"),
        ({"checksum_mode": "never"}, "checksum_mode"),
        ({"ca_bundle": "/etc/ssl/certs/mine.pem"}, "not the PEM text"),
        ({"endpoint_url": "https://x"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(given, reason):
    with pytest.raises(ValidationError, match=reason):
        S3Options(bucket="media", **given)


def test_a_refusal_does_not_repeat_what_was_given():
    with pytest.raises(ValidationError, match="belong together") as caught:
        S3Options(bucket="media", aws_secret_access_key="SECRETKEY")

    assert "SECRETKEY" not in str(caught.value)


def test_a_certificate_is_taken():
    assert S3Options(bucket="media", ca_bundle=PEM).ca_bundle == PEM.strip()


@pytest.mark.parametrize(
    "given", [{"connect_timeout": 0}, {"read_timeout": -1}, {"max_attempts": 0}]
)
def test_a_limit_of_the_operator_has_to_be_one(given):
    with pytest.raises(ValidationError, match="greater than"):
        S3OperatorOptions(**given)

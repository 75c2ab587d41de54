"""The settings of a bucket: what is taken, and how it is written down."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from labeldock_gcs.options import GOOGLE, GcsOperatorOptions, GcsOptions

KEY = {
    "type": "service_account",
    "client_email": "owner@labels.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def test_the_uri_of_a_key_begins_with_the_bucket():
    assert GcsOptions(bucket="photos").base_uri() == "gs://photos/"


@pytest.mark.parametrize("name", ["abc", "my_photos-2", "media.example.org", "a" * 63])
def test_a_bucket_name_is_taken(name):
    assert GcsOptions(bucket=name).bucket == name


@pytest.mark.parametrize("name", ["", "ab", "Photos", "a/b", "-photos", "a" * 223, "ü"])
def test_what_is_no_bucket_name_is_refused(name):
    with pytest.raises(ValidationError, match="not a bucket name"):
        GcsOptions(bucket=name)


def test_an_unknown_option_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        GcsOptions(bucket="photos", region="eu")


def test_empty_texts_count_as_not_given():
    options = GcsOptions(
        bucket="photos",
        google_application_credentials=" ",
        google_project_id="",
        impersonate_service_account="",
        gcs_endpoint="",
        public_endpoint=" ",
    )

    assert options == GcsOptions(bucket="photos")


def test_requests_and_urls_go_to_google_unless_told_otherwise():
    options = GcsOptions(bucket="photos")

    assert (options.endpoint, options.browser_endpoint) == (GOOGLE, GOOGLE)


def test_browsers_can_have_an_endpoint_of_their_own():
    options = GcsOptions(
        bucket="photos",
        gcs_endpoint="http://gcs:4443",
        public_endpoint="https://media.example.org",
    )

    assert options.endpoint == "http://gcs:4443"
    assert options.browser_endpoint == "https://media.example.org"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Storage.Example.org/", "https://storage.example.org"),
        ("https://storage.example.org:443", "https://storage.example.org"),
        ("http://storage.example.org:80/", "http://storage.example.org"),
        ("http://127.0.0.1:4443", "http://127.0.0.1:4443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_address_is_kept_as_browsers_write_it(given, kept):
    assert GcsOptions(bucket="photos", gcs_endpoint=given).endpoint == kept


@pytest.mark.parametrize(
    "address",
    [
        "gcs:4443",
        "ftp://gcs",
        "https://",
        "https://a/b",
        "https://u:p@a",
        "https://a b",
    ],
)
@pytest.mark.parametrize("field", ["gcs_endpoint", "public_endpoint"])
def test_what_is_no_address_is_refused(field, address):
    with pytest.raises(ValidationError, match="not an address"):
        GcsOptions(bucket="photos", **{field: address})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not JSON"),
        ("owner.json", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "neither the key of a service account"),
        (json.dumps({**KEY, "type": "authorized_user"}), "neither the key"),
        (json.dumps({**KEY, "private_key": ""}), "it lacks private_key"),
        (
            json.dumps({"type": "external_account"}),
            "it lacks audience, subject_token_type, token_url, credential_source",
        ),
    ],
)
def test_what_is_no_credentials_document_is_refused(document, message):
    with pytest.raises(ValidationError, match=message) as caught:
        GcsOptions(bucket="photos", google_application_credentials=document)

    assert "BEGIN" not in str(caught.value)


def test_a_document_may_hold_real_line_breaks():
    document = json.dumps(KEY).replace("KEY-", "KEY\n-")

    options = GcsOptions(bucket="photos", google_application_credentials=document)

    assert options.google_application_credentials.get_secret_value() == document


def test_a_document_does_not_show():
    options = GcsOptions(
        bucket="photos", google_application_credentials=json.dumps(KEY)
    )

    assert "PRIVATE" not in repr(options)


@pytest.mark.parametrize(
    "other",
    [
        {"google_application_credentials": json.dumps(KEY)},
        {"ambient_credentials": True},
        {"impersonate_service_account": "a@b.iam.gserviceaccount.com"},
    ],
)
def test_nobody_can_be_somebody(other):
    with pytest.raises(ValidationError, match="credentials or anonymous"):
        GcsOptions(bucket="photos", anonymous=True, **other)


@pytest.mark.parametrize("account", ["owner", "a@", "a/b@c", "a@b?x", "a:b@c"])
def test_what_is_no_address_of_an_account_is_refused(account):
    with pytest.raises(ValidationError, match="e-mail address of a service account"):
        GcsOptions(bucket="photos", impersonate_service_account=account)


def test_the_operator_permits_nothing_unless_told():
    operator = GcsOperatorOptions()

    assert not operator.ambient_credentials
    assert operator.token_hosts == operator.token_files == ()
    assert operator.iam_endpoint == "https://iamcredentials.googleapis.com"


def test_the_operators_hosts_are_normalised():
    operator = GcsOperatorOptions(
        token_hosts=(" STS.example.org", ""), iam_endpoint="http://127.0.0.1:80/"
    )

    assert operator.token_hosts == ("sts.example.org",)
    assert operator.iam_endpoint == "http://127.0.0.1"


def test_an_iam_endpoint_is_an_address():
    with pytest.raises(ValidationError, match="not an address"):
        GcsOperatorOptions(iam_endpoint="iam")

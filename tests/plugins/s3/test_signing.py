"""Signed URLs: those of boto3, only quicker, and a server that checks them agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from secrets import token_hex
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config

from labeldock.contract import InvalidKey, PresignRequest
from labeldock.testing.client import fetch
from labeldock.testing.keys import ODD_KEYS
from labeldock.testing.sockets import block_network
from tests.plugins.s3.places import KEY_ID, SECRET, Place

MINUTE = timedelta(minutes=1)
KEY = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
CHANGING = {"X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"}

PLACES = {
    "amazon": {"bucket": "media"},
    "another region": {"bucket": "media", "region_name": "eu-central-1"},
    "China": {"bucket": "media", "region_name": "cn-north-1"},
    "dots in the name": {"bucket": "media.example.org", "region_name": "eu-west-1"},
    "by path": {"bucket": "media", "addressing_style": "path"},
    "own server": {"bucket": "media", "s3_endpoint": "https://s3.example.org"},
    "own server, by host": {
        "bucket": "media",
        "s3_endpoint": "https://s3.example.org:9000",
        "addressing_style": "virtual",
    },
    "own server below a path": {
        "bucket": "media",
        "s3_endpoint": "https://example.org/s3",
    },
}


def ask_boto3(options, key, **headers):
    """What the bare SDK signs, told not to send browsers to another region."""
    is_path = options.get("s3_endpoint") or "." in options["bucket"]
    style = options.get("addressing_style") or ("path" if is_path else "virtual")
    client = boto3.client(
        "s3",
        endpoint_url=options.get("s3_endpoint"),
        region_name=options.get("region_name", "us-east-1"),
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
        **KEY,
    )
    return client.generate_presigned_url(
        "get_object",
        Params={"Bucket": options["bucket"], "Key": key, **headers},
        ExpiresIn=60,
    )


def split(url):
    """Address, and the parameters that do not change with time."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    return parts[:3], [pair for pair in query if pair[0] not in CHANGING]


def list_parameters(url):
    return dict(parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize("name", PLACES)
def test_a_signed_url_is_the_one_that_boto3_makes(provider, connect, name):
    options = PLACES[name]
    storage = connect(**options, **KEY)

    ours = provider.presign(storage, PresignRequest("cats/1 ä+%.jpg", MINUTE)).url

    assert split(ours) == split(ask_boto3(options, "cats/1 ä+%.jpg"))


@pytest.mark.parametrize(
    "key", [k for k in ODD_KEYS if ".." not in k and "./" not in k]
)
def test_an_odd_key_is_quoted_as_boto3_does(provider, connect, key):
    options = PLACES["own server"]

    ours = provider.presign(connect(**options, **KEY), PresignRequest(key, MINUTE)).url

    assert split(ours) == split(ask_boto3(options, key))


def test_the_headers_asked_for_are_those_of_boto3(provider, connect):
    request = PresignRequest("1.jpg", MINUTE, "image/jpeg", 'inline; filename="ä b"')

    ours = provider.presign(connect(**PLACES["amazon"], **KEY), request).url

    theirs = ask_boto3(
        PLACES["amazon"],
        "1.jpg",
        ResponseContentType="image/jpeg",
        ResponseContentDisposition='inline; filename="ä b"',
    )
    assert dict(split(ours)[1]) == dict(split(theirs)[1])


def test_a_session_token_is_part_of_the_url(provider, connect):
    storage = connect(**PLACES["amazon"], **KEY, aws_session_token="the-token")

    url = provider.presign(storage, PresignRequest("1.jpg", MINUTE)).url

    assert list_parameters(url)["X-Amz-Security-Token"] == "the-token"


def test_browsers_are_sent_to_the_public_endpoint(provider, connect):
    storage = connect(
        bucket="media",
        s3_endpoint="http://minio.internal:9000",
        public_endpoint="https://media.example.org",
        **KEY,
    )

    url = provider.presign(storage, PresignRequest("1.jpg", MINUTE)).url

    assert url.startswith("https://media.example.org/media/1.jpg?")


def test_a_browser_is_sent_to_the_region_of_the_bucket(provider, connect):
    storage = connect(**PLACES["another region"], **KEY)

    url = provider.presign(storage, PresignRequest("1.jpg", MINUTE)).url

    assert urlsplit(url).netloc == "media.s3.eu-central-1.amazonaws.com"


def test_the_signature_is_for_the_public_endpoint(provider, connect, swift):
    place = Place(swift.url, swift.key_id, swift.secret)
    place.create_bucket("public-endpoint")
    place.put("public-endpoint", "1.txt")
    options = place.build_options("public-endpoint")
    storage = connect(**options | {
        "s3_endpoint": "http://minio.internal:9000",
        "public_endpoint": swift.url,
    })  # fmt: skip

    url = provider.presign(storage, PresignRequest("1.txt", MINUTE)).url

    assert fetch(url).body == b"0123456789"


def test_a_url_of_a_public_bucket_is_plain(provider, connect):
    storage = connect(bucket="media", region_name="eu-west-1", anonymous=True)

    signed = provider.presign(storage, PresignRequest("a b.jpg", MINUTE, "image/jpeg"))

    assert signed.url == "https://media.s3.eu-west-1.amazonaws.com/a%20b.jpg"


def test_no_url_needs_the_network(provider, connect):
    storages = [connect(**options, **KEY) for options in PLACES.values()]

    with block_network() as tried:
        for storage in storages:
            provider.presign(storage, PresignRequest("1.jpg", MINUTE))

    assert tried == []


@pytest.mark.parametrize("ttl", [0.2, 1, 1.5, 60, 3600, 86400])
def test_a_url_lives_at_least_as_long_as_was_asked(provider, connect, ttl):
    storage = connect(**PLACES["amazon"], **KEY)
    asked = datetime.now(UTC)

    signed = provider.presign(storage, PresignRequest("1.jpg", timedelta(seconds=ttl)))

    answered = datetime.now(UTC)
    told = list_parameters(signed.url)
    started = datetime.strptime(told["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(
        tzinfo=UTC
    )
    ends = started + timedelta(seconds=int(told["X-Amz-Expires"]))
    assert asked + timedelta(seconds=ttl) <= signed.expires_at <= ends
    assert ends <= answered + timedelta(seconds=ttl + 2)


def test_a_url_lives_a_week_at_most(provider, connect):
    storage = connect(**PLACES["amazon"], **KEY)

    signed = provider.presign(storage, PresignRequest("1.jpg", timedelta(days=30)))

    assert list_parameters(signed.url)["X-Amz-Expires"] == "604800"
    assert signed.expires_at <= datetime.now(UTC) + timedelta(days=7)


@pytest.mark.parametrize("key", ["..", "a/../b", "./a", "a/.", "../up"])
def test_a_key_that_browsers_would_fold_is_refused(provider, connect, key):
    storage = connect(**PLACES["amazon"], **KEY)

    with pytest.raises(InvalidKey, match="fold"):
        provider.presign(storage, PresignRequest(key, MINUTE))


@pytest.mark.parametrize("key", ["a..b", ".hidden", "a/...", "x/.y"])
def test_dots_that_are_no_segment_do_not_matter(provider, connect, key):
    storage = connect(**PLACES["amazon"], **KEY)

    assert key in provider.presign(storage, PresignRequest(key, MINUTE)).url


def test_what_is_signed_shows_itself_nowhere(provider, connect):
    storage = connect(**PLACES["amazon"], **KEY)

    signed = provider.presign(storage, PresignRequest("1.jpg", MINUTE))

    assert "X-Amz" not in repr(signed)


@pytest.fixture
def checked(swift, connect, provider):
    """A URL of an object on a server that checks it."""
    place = Place(swift.url, swift.key_id, swift.secret)
    bucket = f"signed-{token_hex(4)}"
    place.create_bucket(bucket)
    place.put(bucket, "1.txt", b"one")
    place.put(bucket, "2.txt", b"two")
    storage = connect(**place.build_options(bucket))
    return provider.presign(storage, PresignRequest("1.txt", MINUTE)).url


def test_a_server_that_checks_signatures_accepts_ours(checked):
    assert fetch(checked).body == b"one"


def test_a_server_that_checks_signatures_refuses_a_changed_one(checked):
    last = "0" if checked[-1] != "0" else "1"

    assert fetch(checked[:-1] + last).status == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.txt", "2.txt"),
        ("X-Amz-Expires=6", "X-Amz-Expires=9"),
        ("/signed-", "/other-"),
        ("&X-Amz-SignedHeaders=host", ""),
    ],
)
def test_a_server_that_checks_signatures_refuses_another_request(checked, old, new):
    assert old in checked

    assert fetch(checked.replace(old, new)).status in range(400, 500)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_server_that_checks_signatures_refuses_another_method(checked, method):
    assert fetch(checked, method, body=b"x").status in range(400, 500)
    assert fetch(checked).body == b"one"

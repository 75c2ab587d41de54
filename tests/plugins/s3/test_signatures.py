"""Headers are signed as botocore signs them, byte for byte."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from hypothesis import given
from hypothesis import strategies as st

from labeldock_s3.connections import find_server
from labeldock_s3.signatures import Request, Signer

BASES = (
    "http://127.0.0.1:9000/bucket/",
    "http://localhost:80/bucket/",
    "http://[::1]:9000/bucket/",
    "https://Bucket.s3.eu-west-1.amazonaws.com/",
    "https://store.example:443/deep/bucket/",
)
WORDS = st.text('abcXYZ 0-9="/*,;', min_size=1).map(str.strip).filter(bool)
HEADERS = st.dictionaries(st.sampled_from(["Range", "If-Match", "Content-Type"]), WORDS)
CREDENTIALS = st.builds(
    lambda key, secret, token: Credentials(key, secret, token).get_frozen_credentials(),
    st.text("AKIZ0123", min_size=1),
    st.text(min_size=1),
    st.none() | WORDS,
)


@given(
    credentials=CREDENTIALS,
    region=st.sampled_from(["us-east-1", "eu-west-1"]),
    base=st.sampled_from(BASES),
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    headers=HEADERS,
    method=st.sampled_from(["GET", "PUT"]),
    body=st.binary(max_size=20),
)
def test_any_request_is_signed_as_botocore_signs_it(
    credentials: Any, region: str, base: str, key: str, **rest: Any
) -> None:
    url = base + quote(key, safe="/~")
    server = find_server(URLLib3Session(), url)
    path = "/" + url.split("/", 3)[3]
    request = Request(rest["method"], server.host, path, rest["headers"], rest["body"])

    added = Signer(region).sign(credentials, request)

    expected = sign_with_botocore(credentials, region, url, request, added)
    assert {**request.headers, **added} == expected


def sign_with_botocore(
    credentials: Any, region: str, url: str, request: Request, added: dict[str, str]
) -> dict[str, str]:
    """What botocore adds at the same second; its names are in lower case here."""
    signer = S3SigV4Auth(credentials, "s3", region)
    asked = AWSRequest(request.method, url, dict(request.headers), request.body)
    asked.context["timestamp"] = added["x-amz-date"]
    signer._modify_request_before_signing(asked)
    told = signer.string_to_sign(asked, signer.canonical_request(asked))
    signer._inject_signature_to_request(asked, signer.signature(told, asked))
    own = {name.lower(): name for name in request.headers}
    return {own.get(name.lower(), name.lower()): v for name, v in asked.headers.items()}


def test_a_renewed_secret_signs_from_then_on() -> None:
    signer = Signer("us-east-1")

    assert [sign(signer, secret) for secret in ("old", "new")] == [
        sign(Signer("us-east-1"), secret) for secret in ("old", "new")
    ]


def sign(signer: Signer, secret: str) -> str:
    """The signing key shows in the signature; the time does not, for a day is kept."""
    keys = SimpleNamespace(access_key="AKIA", secret_key=secret, token=None)
    signer.sign(keys, Request("GET", "store.example", "/media/1.jpg", {}, b""))
    return signer._latest[1].hex()


def test_requests_through_a_proxy_are_left_to_botocore() -> None:
    session = URLLib3Session(proxies={"http": "http://proxy.example:3128"})

    assert find_server(session, "http://store.example/media/1.jpg") is None


@pytest.mark.parametrize("verify", [True, False])
def test_certificates_are_looked_at_as_botocore_looks_at_them(verify: Any) -> None:
    server = find_server(URLLib3Session(verify=verify), "https://store.example/m/1.jpg")

    assert server.pool.cert_reqs == ("CERT_REQUIRED" if verify else "CERT_NONE")

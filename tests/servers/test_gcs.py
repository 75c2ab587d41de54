"""The fake of Google Cloud Storage does what Google documents."""

from __future__ import annotations

import base64
import gzip
import io
import json
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.oauth2 import service_account

from labeldock.testing.client import fetch
from labeldock_gcs.sessions import TokenRequest
from tests.servers.gcs import run_gcs

SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
BUCKET = "photos"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server():
    with run_gcs() as server:
        yield server


@pytest.fixture
def bucket(server):
    server.faults.clear()
    yield server.create_bucket(BUCKET)
    server.remove_bucket(BUCKET)


@pytest.fixture
def log_in(server):
    """A client of Google's library, as an account; closed at the end."""
    clients = []

    def log_in(account=None):
        info = json.loads(server.build_document(account))
        credentials = service_account.Credentials.from_service_account_info(
            info, scopes=SCOPES
        )
        # Without its look-ups in threads of their own, which go to Google.
        tokens = TokenRequest(requests.Session())
        client = Client(
            project="labels-project",
            credentials=credentials,
            client_options={"api_endpoint": server.url},
            _http=AuthorizedSession(credentials, auth_request=tokens),
        )
        client._bucket_metadata_cache = None
        clients.append(client)
        return client

    yield log_in
    for client in clients:
        client.close()


@pytest.fixture
def blob(log_in, bucket):
    """A handle on an object that is not there yet."""
    return log_in().bucket(BUCKET).blob("folder/a b.txt")


@pytest.fixture
def bearer(server):
    """A header with a token of the owner."""
    return {"Authorization": f"Bearer {server.tokens.give_out(server.owner)}"}


def ask(server, target, method="GET", headers=None, body=None):
    return fetch(f"{server.url}{target}", method, headers=headers, body=body)


def reason(answer):
    return json.loads(answer.body)["error"]["errors"][0]["reason"]


# Objects, by Google's library


def test_the_library_writes_reads_and_deletes(blob):
    blob.upload_from_string(b"data", "text/plain")
    assert blob.download_as_bytes() == b"data"
    blob.reload()
    assert (blob.size, blob.content_type) == (4, "text/plain")

    blob.delete()

    assert not blob.exists()


def test_the_library_uploads_in_blocks(blob):
    blob.chunk_size = 256 * 1024
    data = bytes(range(256)) * 4096 * 9

    blob.upload_from_file(io.BytesIO(data), size=len(data))

    assert blob.download_as_bytes() == data


def test_the_library_lists_pages_and_prefixes(log_in, bucket):
    for key in ("a/1", "a/2", "b", "c/1", "d"):
        bucket.put(key, b"", "text/plain")
    client = log_in()

    found = client.list_blobs(BUCKET, delimiter="/", page_size=1)
    names = [each.name for each in found]

    assert (names, sorted(found.prefixes)) == (["b", "d"], ["a/", "c/"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"start_offset": "b"}, ["b", "c"]),
        ({"start_offset": "aa"}, ["b", "c"]),
        ({"end_offset": "b"}, ["a"]),
        ({"start_offset": "a", "end_offset": "c"}, ["a", "b"]),
        ({"prefix": "b"}, ["b"]),
    ],
)
def test_offsets_are_inclusive_at_the_start_and_exclusive_at_the_end(
    log_in, bucket, query, names
):
    for key in "abc":
        bucket.put(key, b"", "text/plain")

    assert [each.name for each in log_in().list_blobs(BUCKET, **query)] == names


@pytest.mark.parametrize(
    "condition",
    [
        {"if_generation_match": 0},
        {"if_generation_match": 5},
        {"if_metageneration_match": 2},
    ],
)
def test_a_write_whose_condition_does_not_hold_is_412(blob, condition):
    blob.upload_from_string(b"old")

    with pytest.raises(exceptions.PreconditionFailed, match="did not hold"):
        blob.upload_from_string(b"new", **condition)

    assert blob.download_as_bytes() == b"old"


@pytest.mark.parametrize(
    "condition", [{"if_generation_match": 5}, {"if_metageneration_not_match": 1}]
)
def test_a_deletion_whose_condition_does_not_hold_is_412(blob, condition):
    blob.upload_from_string(b"old")

    with pytest.raises(exceptions.PreconditionFailed, match="did not hold"):
        blob.delete(**condition)

    assert blob.exists()


def test_a_read_of_a_known_generation_is_304(blob, server, bearer):
    blob.upload_from_string(b"data")
    target = f"/storage/v1/b/{BUCKET}/o/{quote(blob.name, safe='')}"

    answer = ask(
        server, f"{target}?ifGenerationNotMatch={blob.generation}", headers=bearer
    )

    assert answer.status == 304


def test_generations_grow(blob):
    blob.upload_from_string(b"one")
    first = blob.generation
    blob.upload_from_string(b"two")

    assert blob.generation > first > 10**15


def test_a_packed_object_is_unpacked_for_who_does_not_take_gzip(server, bucket, bearer):
    bucket.put("a.txt", gzip.compress(b"data"), "text/plain", encoding="gzip")
    target = f"/download/storage/v1/b/{BUCKET}/o/a.txt?alt=media"

    plain = ask(server, target, headers={**bearer, "Range": "bytes=0-0"})
    packed = ask(server, target, headers={**bearer, "Accept-Encoding": "gzip"})

    assert (plain.status, plain.body) == (200, b"data")
    assert gzip.decompress(packed.body) == b"data"
    assert packed.header("Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-1", 206, b"01", "bytes 0-1/4"),
        ("bytes=2-", 206, b"23", "bytes 2-3/4"),
        ("bytes=-1", 206, b"3", "bytes 3-3/4"),
        ("bytes=2-99", 206, b"23", "bytes 2-3/4"),
        ("bytes=4-", 416, None, "bytes */4"),
        ("bytes=-0", 416, None, "bytes */4"),
        ("bytes=x", 200, b"0123", ""),
        ("bytes=-", 200, b"0123", ""),
    ],
)
def test_ranges_are_those_of_http(
    server, bucket, bearer, wanted, status, body, content_range
):
    bucket.put("a", b"0123", "text/plain")
    target = f"/download/storage/v1/b/{BUCKET}/o/a?alt=media"

    answer = ask(server, target, headers={**bearer, "Range": wanted})

    assert (answer.status, answer.header("Content-Range")) == (status, content_range)
    assert body is None or answer.body == body


# What is refused


@pytest.mark.parametrize(
    ("target", "method", "status", "word"),
    [
        ("/storage/v1/b/none/o", "GET", 404, "notFound"),
        (f"/storage/v1/b/{BUCKET}/o/none", "GET", 404, "notFound"),
        (f"/storage/v1/b/{BUCKET}", "GET", 403, "forbidden"),
        (f"/storage/v1/b/{BUCKET}/o", "PATCH", 405, "methodNotAllowed"),
        (f"/storage/v1/b/{BUCKET}/o/a", "PATCH", 405, "methodNotAllowed"),
        (f"/storage/v1/b/{BUCKET}/o?pageToken=x", "GET", 400, "invalid"),
        (f"/storage/v1/b/{BUCKET}/o?maxResults=x", "GET", 400, "invalidParameter"),
        (f"/upload/storage/v1/b/{BUCKET}/o", "POST", 400, "invalidParameter"),
        (
            f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart",
            "POST",
            400,
            "badRequest",
        ),
        (f"/upload/storage/v1/b/{BUCKET}/o?upload_id=x", "PUT", 404, "notFound"),
        ("/v1/projects/-/serviceAccounts/x:signBlob", "POST", 403, "forbidden"),
    ],
)
def test_a_refusal_has_its_reason(server, bucket, bearer, target, method, status, word):
    answer = ask(server, target, method, headers=bearer, body=b"{}")

    assert (answer.status, reason(answer)) == (status, word)


@pytest.mark.parametrize(
    ("headers", "word"),
    [({}, "required"), ({"Authorization": "Bearer x"}, "authError")],
)
def test_without_a_token_it_is_401(server, bucket, headers, word):
    answer = ask(server, f"/storage/v1/b/{BUCKET}/o", headers=headers)

    assert (answer.status, reason(answer)) == (401, word)


@pytest.mark.parametrize(
    "name", ["", "a\nb", ".", "..", "k" * 1025, ".well-known/acme-challenge/x"]
)
def test_a_name_that_no_object_can_have_is_400(server, bucket, bearer, name):
    body = json.dumps({"name": name}).encode()

    answer = ask(
        server,
        f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart",
        "POST",
        {**bearer, "Content-Type": "multipart/related; boundary=x"},
        b"--x\r\n\r\n" + body + b"\r\n--x\r\n\r\ndata\r\n--x--",
    )

    assert answer.status == 400
    assert bucket.names == []


def test_announced_checksums_are_compared(server, bucket, bearer):
    for name in ("crc32c", "md5Hash"):
        body = json.dumps({"name": "a", name: "AAAAAA=="}).encode()
        answer = ask(
            server,
            f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart",
            "POST",
            {**bearer, "Content-Type": 'multipart/related; boundary="x"'},
            b"--x\r\n\r\n" + body + b"\r\n--x\r\n\r\ndata\r\n--x--",
        )
        assert answer.status == 400
        assert b"doesn't match calculated" in answer.body


def test_a_simple_upload_is_one_too(server, bucket, bearer):
    target = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=a%20b"

    ask(server, target, "POST", {**bearer, "Content-Type": "text/plain"}, b"data")

    stored = bucket.find("a b")
    assert (stored.data, stored.content_type) == (b"data", "text/plain")


# Resumable uploads


@pytest.fixture
def session(server, bucket, bearer):
    """The target of a resumable upload that has begun."""
    answer = ask(
        server,
        f"/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&name=a",
        "POST",
        bearer,
    )
    return answer.header("Location").removeprefix(server.url)


def put(server, target, content_range, data=b""):
    return ask(server, target, "PUT", {"Content-Range": content_range}, data)


UNIT = 256 * 1024


def test_an_upload_says_how_far_it_is(server, session):
    assert put(server, session, "bytes */*").header("Range") == ""

    put(server, session, f"bytes 0-{UNIT - 1}/*", bytes(UNIT))

    answer = put(server, session, f"bytes */{UNIT + 1}")
    assert (answer.status, answer.header("Range")) == (308, f"bytes=0-{UNIT - 1}")


def test_a_finished_upload_can_be_asked_again(server, session, bucket):
    first = put(server, session, "bytes 0-3/4", b"data")

    again = put(server, session, "bytes */4")

    assert first.status == again.status == 200
    assert json.loads(again.body)["generation"] == str(bucket.find("a").generation)


@pytest.mark.parametrize(
    ("content_range", "data"),
    [
        ("", b"data"),
        ("bytes 0-9/20", b"data"),
        ("bytes 0-3/20", b"data"),
        (f"bytes {UNIT}-{2 * UNIT - 1}/*", bytes(UNIT)),
    ],
)
def test_a_block_that_does_not_fit_is_400(server, session, content_range, data):
    assert put(server, session, content_range, data).status == 400


def test_a_cancelled_upload_is_499(server, session):
    assert ask(server, session, "DELETE").status == 499
    assert put(server, session, "bytes */*").status == 499


# Signed URLs


@pytest.fixture
def signed(blob, server):
    """A URL that Google's library signed, for an object that is there."""
    blob.upload_from_string(b"data", "text/plain")
    return blob.generate_signed_url(
        version="v4", expiration=MINUTE, api_access_endpoint=server.url
    )


def test_a_url_of_googles_library_is_good(signed):
    assert fetch(signed).body == b"data"
    assert fetch(signed, "HEAD").header("Content-Length") == "4"


def test_a_url_may_be_for_writing(blob, server, bucket):
    url = blob.generate_signed_url(
        version="v4",
        expiration=MINUTE,
        method="PUT",
        content_type="text/plain",
        api_access_endpoint=server.url,
    )

    written = fetch(url, "PUT", headers={"Content-Type": "text/plain"}, body=b"new")
    other = fetch(url, "PUT", headers={"Content-Type": "text/html"}, body=b"new")

    assert (written.status, other.status) == (200, 403)
    assert bucket.find(blob.name).data == b"new"


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("X-Goog-Signature=", "X-Goog-Signature=00", 403, "SignatureDoesNotMatch"),
        ("X-Goog-Signature=", "X-Goog-Signature=xx", 403, "SignatureDoesNotMatch"),
        ("X-Goog-Expires=60", "X-Goog-Expires=61", 403, "SignatureDoesNotMatch"),
        ("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256", 403, "SignatureDoesNotMatch"),
        ("owner%40", "nobody%40", 403, "SignatureDoesNotMatch"),
        ("X-Goog-Expires=60", "X-Goog-Expires=604801", 400, "MalformedSecurityHeader"),
        ("X-Goog-Expires=60", "X-Goog-Expires=x", 400, "MalformedSecurityHeader"),
        ("X-Goog-Date=", "X-Goog-Date=x", 400, "MalformedSecurityHeader"),
        ("SignedHeaders=host", "SignedHeaders=x", 400, "MalformedSecurityHeader"),
        ("/photos/", "/none/", 404, "NoSuchBucket"),
    ],
)
def test_a_url_that_was_changed_is_refused(signed, old, new, status, code):
    answer = fetch(signed.replace(old, new))

    assert (answer.status, f"<Code>{code}</Code>".encode() in answer.body) == (
        status,
        True,
    )


@pytest.mark.parametrize(
    ("seconds", "status", "code"),
    [(-61, 400, b"ExpiredToken"), (1000, 403, b"AccessDenied")],
)
def test_a_url_is_good_for_its_time_only(signed, monkeypatch, seconds, status, code):
    from tests.servers.gcs import signatures

    now = signatures.time.time()
    monkeypatch.setattr(signatures.time, "time", lambda: now - seconds)

    answer = fetch(signed)

    assert (answer.status, code in answer.body) == (status, True)


def test_a_url_of_an_account_without_permission_is_refused(log_in, blob, server):
    blob.upload_from_string(b"data")
    other = log_in(server.stranger).bucket(BUCKET).blob(blob.name)

    url = other.generate_signed_url(
        version="v4", expiration=MINUTE, api_access_endpoint=server.url
    )

    assert fetch(url).status == 403


def test_a_url_of_an_account_that_was_deleted_is_refused(log_in, blob, server):
    blob.upload_from_string(b"data")
    account = server.add_account("former", server.owner.permissions)
    other = log_in(account).bucket(BUCKET).blob(blob.name)
    url = other.generate_signed_url(
        version="v4", expiration=MINUTE, api_access_endpoint=server.url
    )
    assert fetch(url).status == 200

    account.state = "deleted"

    assert fetch(url).status == 403


def test_an_origin_is_allowed_by_the_bucket(server, bucket):
    bucket.is_public = True
    bucket.put("a", b"data", "text/plain")
    bucket.origins = frozenset({"https://a.example.org"})

    allowed = {
        origin: ask(server, f"/{BUCKET}/a", method, {"Origin": origin}).header(
            "Access-Control-Allow-Origin"
        )
        for origin in ("https://a.example.org", "https://b.example.org")
        for method in ("GET", "OPTIONS")
    }

    assert allowed == {
        "https://a.example.org": "https://a.example.org",
        "https://b.example.org": "",
    }


def test_the_xml_api_takes_tokens_too(server, bucket, bearer):
    written = ask(server, f"/{BUCKET}/a%20b", "PUT", bearer, b"data")

    read = ask(server, f"/{BUCKET}/a%20b", headers=bearer)

    assert (written.status, read.body) == (200, b"data")
    assert ask(server, f"/{BUCKET}/a%20b").status == 401
    assert ask(server, f"/{BUCKET}/a%20b", "POST", bearer).status == 405


# Tokens


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"aud": "https://example.org"}, "audience"),
        ({"iss": "nobody"}, "account not found"),
        ({"scope": ""}, "scope"),
        ({"exp": 1}, "timeframe"),
        ({"iat": 9_999_999_999, "exp": 9_999_999_999}, "timeframe"),
    ],
)
def test_a_claim_that_is_wrong_gets_no_token(server, change, problem):
    import time

    now = int(time.time())
    claims = {
        "iss": server.owner.email,
        "aud": f"{server.url}/token",
        "iat": now,
        "exp": now + 3600,
        "scope": "x",
    }

    good = send_jwt(server, claims)
    bad = send_jwt(server, claims | change)

    assert good.status == 200
    assert (bad.status, problem in json.loads(bad.body)["error_description"]) == (
        400,
        True,
    )


def send_jwt(server, claims, signature=None):
    """Ask for a token with such claims, signed by the owner."""
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    text = ".".join(encode(json.dumps(part).encode()) for part in parts)
    signature = signature or server.owner.sign(text.encode())
    assertion = f"{text}.{encode(signature)}"
    grant = quote("urn:ietf:params:oauth:grant-type:jwt-bearer")
    body = f"grant_type={grant}&assertion={assertion}".encode()
    return ask(server, "/token", "POST", body=body)


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_wrong_signature_gets_no_token(server):
    answer = send_jwt(server, {"iss": server.owner.email}, b"x" * 256)

    assert "Invalid JWT Signature" in json.loads(answer.body)["error_description"]


@pytest.mark.parametrize("target", ["/token", "/v1/token"])
@pytest.mark.parametrize("body", [b"", b"grant_type=password"])
def test_another_grant_is_not_known(server, target, body):
    answer = ask(server, target, "POST", body=body)

    assert json.loads(answer.body)["error"] == "unsupported_grant_type"


def test_an_assertion_that_is_none_gets_no_token(server):
    grant = quote("urn:ietf:params:oauth:grant-type:jwt-bearer")

    answer = ask(
        server, "/token", "POST", body=f"grant_type={grant}&assertion=x.y".encode()
    )

    assert "Bad JWT" in json.loads(answer.body)["error_description"]


def test_iam_wants_a_login_and_knows_two_methods(server, bearer):
    server.owner.tokens_for = frozenset({"reader"})
    path = f"/v1/projects/-/serviceAccounts/{server.reader.email}"

    nobody = ask(server, f"{path}:signBlob", "POST", body=b"{}")
    other = ask(server, f"{path}:signJwt", "POST", bearer, b"{}")

    assert (nobody.status, other.status) == (401, 404)
    server.owner.tokens_for = frozenset()


# Faults


def test_faults_are_counted_and_end(server, bucket, bearer):
    fault = server.add_fault(path="/o", status=503, body=b"down", times=2)

    answers = [ask(server, f"/storage/v1/b/{BUCKET}/o", headers=bearer) for _ in "abc"]

    assert [each.status for each in answers] == [503, 503, 200]
    assert fault.fired == 2

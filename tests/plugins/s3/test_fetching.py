"""Objects after the first are asked for without boto3's preparations, and alike."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labeldock.contract import (
    ABSENT,
    ByteRange,
    BytesContent,
    ObjectNotFound,
    PreconditionFailed,
    ReadRequest,
    Unavailable,
    WriteRequest,
    matches,
)
from labeldock.contract import (
    ALWAYS as WHATEVER_IS_THERE,
)
from labeldock.testing.proxy import ALWAYS, Drop, FaultProxy
from labeldock_s3.clients import ClientCache
from labeldock_s3.reading import read_object
from labeldock_s3.writing import save_object
from tests.plugins.s3.places import KEY_ID, SECRET, Place

VARYING = {"authorization", "x-amz-date"}
BY_BOTO_ALONE = {"amz-sdk-invocation-id", "amz-sdk-request"}
ODD_KEYS = ["a b/ä+%20?#&=.bin", "..hidden//deep/", "~tilde/日本.png", "x'(1)!*;:@$,"]


@pytest.fixture
def proxy(moto):
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def client(moto, connect, proxy):
    """A client behind the proxy that has read an object already."""
    moto.put("media", "first.bin", b"first")
    place = moto.change(endpoint=proxy.url)
    client = ClientCache().get_client(
        connect(operator={"max_attempts": 2}, **place.build_options("media"))
    )
    assert read(client, "first.bin") == b"first"
    return client


def read(client, key, byte_range=None, **more):
    body = read_object(client, ReadRequest(key, byte_range, **more))
    try:
        return body.reader.read(-1)
    finally:
        body.reader.close()


def write(client, key, content, condition=WHATEVER_IS_THERE):
    source = BytesContent(content)
    return save_object(client, WriteRequest(key, source, "text/plain", condition))


class Recorder(BaseHTTPRequestHandler):
    """Gives every GET the same object, takes every PUT, and keeps what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(sent)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("ETag", '"abc"')
        self.end_headers()
        self.wfile.write(b"first")

    def do_PUT(self):
        sent = {name.lower(): value for name, value in self.headers.items()}
        sent["body"] = self.rfile.read(int(sent["content-length"]))
        self.server.requests.append(sent)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("ETag", '"abc"')
        self.end_headers()

    def log_message(self, *_):
        """Quietly."""


@pytest.fixture
def recorder():
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.daemon_threads = True
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask_twice(connect, recorder, ask, **options):
    url = f"http://127.0.0.1:{recorder.server_port}"
    options = {**Place(url, KEY_ID, SECRET).build_options("media"), **options}
    storage = connect(**{n: v for n, v in options.items() if v is not None})
    client = ClientCache().get_client(storage)
    for _ in range(2):
        ask(client)
    client.api.close()
    return recorder.requests


def read_twice(connect, recorder, **options):
    return ask_twice(
        connect, recorder, lambda client: read(client, "first.bin"), **options
    )


def test_the_second_object_is_asked_for_as_the_first_was(connect, recorder):
    first, second = read_twice(connect, recorder)

    assert second.keys() == first.keys() - BY_BOTO_ALONE
    assert {name for name in second if second[name] != first[name]} <= VARYING


def test_a_public_bucket_is_asked_without_a_signature(connect, recorder):
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"))

    first, second = read_twice(connect, recorder, anonymous=True, **keys)

    assert "authorization" not in first
    assert second.keys() == first.keys() - BY_BOTO_ALONE


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys_are_quoted_as_boto3_quotes_them(client, moto, key):
    moto.put("media", key, key.encode())

    assert read(client, key) == key.encode()


def test_a_range_is_a_range(client, moto):
    moto.put("media", "ten.bin", b"0123456789")

    assert read(client, "ten.bin", ByteRange(2, 4)) == b"234"
    assert read(client, "ten.bin", ByteRange(None, 3)) == b"789"


def test_what_boto3_would_tell_of_an_object_is_told(client, moto):
    moto.put("media", "one.bin", b"1")
    known = read_object(client, ReadRequest("one.bin", metadata_only=True)).info

    body = read_object(client, ReadRequest("one.bin"))
    body.reader.close()

    assert body.info == known


def test_errors_are_those_of_boto3(client):
    with pytest.raises(ObjectNotFound):
        read(client, "missing.bin")
    assert read(client, "first.bin") == b"first"
    with pytest.raises(PreconditionFailed):
        read(client, "first.bin", if_match="another")
    assert read(client, "first.bin") == b"first"


def test_it_is_tried_as_often_as_was_set(client, proxy):
    before = len(proxy.record.requests)
    proxy.add(Drop(), times=ALWAYS)

    with pytest.raises(Unavailable):
        read(client, "first.bin")

    assert len(proxy.record.requests) - before == 2


def test_a_connection_that_breaks_once_is_no_failure(client, proxy):
    proxy.add(Drop())

    assert read(client, "first.bin") == b"first"


def test_answers_that_boto3_checks_are_left_to_it(moto, connect):
    options = moto.build_options("media")
    moto.put("media", "first.bin", b"first")
    storage = connect(**{**options, "checksum_mode": "when_supported"})
    client = ClientCache().get_client(storage)
    read(client, "first.bin")

    assert client.fetcher.fetch("first.bin", {}) is None


# Writing


@pytest.mark.parametrize("condition", [WHATEVER_IS_THERE, ABSENT, matches("abc")])
@pytest.mark.parametrize("kms", [None, "alias/key"])
@pytest.mark.parametrize("content", [b"", b"text"])
def test_the_second_object_is_written_as_the_first_was(
    connect, recorder, condition, kms, content
):
    first, second = ask_twice(
        connect,
        recorder,
        lambda client: write(client, "a b/c.txt", content, condition),
        aws_sse_kms_key_id=kms,
    )

    assert second.keys() == first.keys() - BY_BOTO_ALONE - {"expect"}
    assert {name for name in second if second[name] != first[name]} <= VARYING


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys_are_written_as_boto3_writes_them(client, moto, key):
    write(client, "first.txt", b"first")

    saved = write(client, key, key.encode())

    assert read(client, key) == key.encode()
    assert read_object(client, ReadRequest(key, metadata_only=True)).info.etag == (
        saved.etag
    )


def test_a_condition_that_does_not_hold_writes_nothing(client):
    saved = write(client, "one.txt", b"1")

    with pytest.raises(PreconditionFailed):
        write(client, "one.txt", b"2", ABSENT)
    assert read(client, "one.txt") == b"1"
    assert write(client, "two.txt", b"2", ABSENT).etag
    assert write(client, "one.txt", b"3", matches(saved.etag)).etag != saved.etag
    assert read(client, "one.txt") == b"3"


def test_a_write_is_tried_as_often_as_was_set(client, proxy):
    write(client, "one.txt", b"1")
    before = len(proxy.record.requests)
    proxy.add(Drop(), times=ALWAYS)

    with pytest.raises(Unavailable):
        write(client, "two.txt", b"2")

    assert len(proxy.record.requests) - before == 2


def test_writes_whose_checksums_boto3_sends_are_left_to_it(moto, connect):
    options = moto.build_options("media")
    storage = connect(**{**options, "checksum_mode": "when_supported"})
    client = ClientCache().get_client(storage)
    write(client, "first.txt", b"first")

    assert client.sender.send("first.txt", {"Content-Type": "text/plain"}, b"1") is None

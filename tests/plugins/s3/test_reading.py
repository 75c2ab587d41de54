"""Reading: what the kit does not ask, since only S3 does it."""

from __future__ import annotations

import gzip

import pytest

from labeldock.contract import (
    AccessDenied,
    ByteRange,
    ContainerNotFound,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    ListQuery,
    NotSupported,
    ObjectNotFound,
    ReadRequest,
    StorageError,
    Unauthenticated,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import FaultProxy, Reply
from tests.plugins.s3.accounts import create_user, enforced

MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"
PLAIN = {"ETag": '"abc"', "Last-Modified": MODIFIED, "Content-Type": "text/plain"}


@pytest.fixture
def read(provider):
    """The bytes of an object."""

    def read(storage, key, byte_range=None, **more):
        body = provider.get_data(storage, ReadRequest(key, byte_range, **more))
        try:
            return body.reader.read(-1)
        finally:
            body.reader.close()

    return read


@pytest.fixture
def look(provider):
    """The info of an object, by a metadata request."""

    def look(storage, key):
        return provider.get_data(storage, ReadRequest(key, metadata_only=True)).info

    return look


@pytest.fixture
def proxy(moto):
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(moto, proxy, connect):
    """The bucket, connected through a proxy that can answer for the server."""
    return connect(**moto.change(endpoint=proxy.url).build_options("media"))


def test_what_is_kept_compressed_is_read_as_it_is_kept(moto, storage, read):
    packed = gzip.compress(b"x" * 1000)
    moto.put("media", "a.json", packed, ContentEncoding="gzip")

    assert read(storage, "a.json") == packed
    assert read(storage, "a.json", ByteRange(2, 9)) == packed[2:10]


def test_metadata_take_one_request(moto, through_proxy, proxy, look):
    moto.put("media", "a.txt")

    assert look(through_proxy, "a.txt").size == 10
    assert [method for method, _ in proxy.record.requests] == ["HEAD"]


def test_a_body_takes_one_request(moto, through_proxy, proxy, read):
    moto.put("media", "a.txt")

    read(through_proxy, "a.txt", ByteRange(2, 5))

    assert [method for method, _ in proxy.record.requests] == ["GET"]


def test_metadata_of_what_is_in_no_bucket_say_so(moto, connect, look):
    storage = connect(**moto.build_options("no-such-bucket"))

    with pytest.raises(ContainerNotFound, match="no such bucket"):
        look(storage, "a.txt")


def test_metadata_of_what_is_not_there_say_so(storage, look):
    with pytest.raises(ObjectNotFound, match="no such object") as caught:
        look(storage, "none.txt")

    assert caught.value.key == "none.txt"


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"secret": "wrong"}, Unauthenticated, "aws_secret_access_key"),
        ({"key_id": "AKIAXXXXXXXXXXXXXXXX"}, Unauthenticated, "aws_access_key_id"),
        ({}, AccessDenied, "bucket"),
    ],
)
def test_metadata_say_whether_key_secret_or_permission_is_wrong(
    moto, connect, look, change, kind, field
):
    moto.put("media", "a.txt")
    user = create_user(moto, ["s3:ListBucket"])
    storage = connect(**user.change(**change).build_options("media"))

    with (
        enforced(moto),
        pytest.raises(kind, match=r"wrong|not known|not permit") as caught,
    ):
        look(storage, "a.txt")

    assert caught.value.field == field


def test_a_server_that_refuses_head_is_asked_with_get(moto, through_proxy, proxy, look):
    moto.put("media", "a.txt", ContentType="text/plain")
    proxy.add(Reply(Answer(403)), method="HEAD")

    info = look(through_proxy, "a.txt")

    assert (info.key, info.size, info.content_type) == ("a.txt", 10, "text/plain")


@pytest.mark.parametrize(
    "given", [ByteRange(None, 0), ByteRange(5, 3), ByteRange(None)]
)
def test_a_range_that_is_none_carries_the_size(moto, storage, read, given):
    moto.put("media", "a.txt")

    with pytest.raises(InvalidRange, match="No byte") as caught:
        read(storage, "a.txt", given)

    assert caught.value.size == 10


def test_a_bad_range_takes_the_size_from_the_answer(through_proxy, proxy, read):
    told = b"<Code>InvalidRange</Code><ActualObjectSize>42</ActualObjectSize>"
    body = b"<Error>" + told + b"</Error>"
    proxy.add(Reply(Answer(416, {"Content-Type": "application/xml"}, body)))

    with pytest.raises(InvalidRange, match="No byte") as caught:
        read(through_proxy, "a.txt", ByteRange(100))

    assert caught.value.size == 42


def test_a_server_that_ignores_ranges_is_not_believed(through_proxy, proxy, read):
    proxy.add(Reply(Answer(200, PLAIN, b"0123456789")))

    with pytest.raises(NotSupported, match="ignores ranges"):
        read(through_proxy, "a.txt", ByteRange(2, 5))


def test_a_server_may_ignore_a_range_that_is_the_whole(through_proxy, proxy, read):
    proxy.add(Reply(Answer(200, PLAIN, b"0123456789")))

    assert read(through_proxy, "a.txt", ByteRange(0, 100)) == b"0123456789"


def test_a_range_of_an_empty_object_is_empty_for_every_server(
    through_proxy, proxy, read
):
    proxy.add(Reply(Answer(200, PLAIN)))

    with pytest.raises(InvalidRange, match="No byte") as caught:
        read(through_proxy, "a.txt", ByteRange(0, 5))

    assert caught.value.size == 0


def test_a_content_range_that_cannot_be_read_is_an_error(through_proxy, proxy, read):
    headers = {**PLAIN, "Content-Range": "bytes of some kind"}
    proxy.add(Reply(Answer(206, headers, b"2345")))

    with pytest.raises(IntegrityError, match="Content-Range"):
        read(through_proxy, "a.txt", ByteRange(2, 5))


def test_a_server_that_says_little_of_an_object_is_believed(
    through_proxy, proxy, provider
):
    proxy.add(Reply(Answer(200, {}, b"0123")))

    body = provider.get_data(through_proxy, ReadRequest("a.txt"))

    assert (body.info.size, body.info.etag, body.info.last_modified) == (4, "", None)
    assert body.reader.read(10) == b"0123"
    body.reader.close()


def test_a_web_site_at_the_endpoint_is_no_s3_server(through_proxy, proxy, provider):
    page = Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><p>Hello<br>")
    proxy.add(Reply(page), times=9)

    with pytest.raises(StorageError, match="web site") as caught:
        provider.list_objects(through_proxy, ListQuery())

    assert caught.value.field == "s3_endpoint"


@pytest.mark.parametrize("key", ["", "k" * 1025, "é" * 513, "a\0b", "\udcff"])
def test_what_can_be_no_key_is_not_asked_for(through_proxy, proxy, read, key):
    with pytest.raises(InvalidKey, match="The key"):
        read(through_proxy, key)

    assert proxy.record.requests == []


def test_the_longest_key_is_read(moto, storage, read):
    key = "é" * 512
    moto.put("media", key)

    assert read(storage, key) == b"0123456789"


def test_an_archived_object_says_so(through_proxy, proxy, read):
    body = b"<Error><Code>InvalidObjectState</Code></Error>"
    proxy.add(Reply(Answer(403, {"Content-Type": "application/xml"}, body)))

    with pytest.raises(AccessDenied, match="archived"):
        read(through_proxy, "a.txt")

"""Writing: parts, conditions, encryption, and what is left after a failure."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from labeldock.contract import (
    ABSENT,
    ALWAYS,
    BytesContent,
    DeleteRequest,
    FileContent,
    IntegrityError,
    NotSupported,
    PreconditionFailed,
    Purpose,
    TransientStorageError,
    Unavailable,
    WriteRequest,
    matches,
)
from labeldock.testing.answers import Answer
from labeldock.testing.contents import BrokenContent, ShortContent, build_bytes
from labeldock.testing.proxy import ALWAYS as EACH_TIME
from labeldock.testing.proxy import FaultProxy, Reply
from labeldock_s3.writing import PART_SIZE

LARGE = PART_SIZE + 1
XML = {"Content-Type": "application/xml"}


@pytest.fixture
def save(provider, storage):
    def save(key, data, condition=ALWAYS, where=storage):
        content = BytesContent(data) if isinstance(data, bytes) else data
        request = WriteRequest(key, content, "application/json", condition)
        return provider.save_annotation(where, request)

    return save


@pytest.fixture
def proxy(moto):
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(moto, proxy, connect):
    options = moto.change(endpoint=proxy.url).build_options("media")
    return connect(Purpose.EXPORT, **options)


def list_uploads(moto):
    return moto.client.list_multipart_uploads(Bucket="media").get("Uploads", [])


def count_requests(proxy, pattern):
    asked = [f"{method} {target}" for method, target in proxy.record.requests]
    return sum(1 for each in asked if re.search(pattern, each))


def test_up_to_a_part_is_written_with_one_request(through_proxy, proxy, save):
    save("1.bin", bytes(PART_SIZE), where=through_proxy)

    assert [method for method, _ in proxy.record.requests] == ["PUT"]


def test_more_than_a_part_is_written_in_parts(moto, through_proxy, proxy, save):
    data = build_bytes(2 * PART_SIZE + 5)

    saved = save("1.bin", data, where=through_proxy)

    assert count_requests(proxy, "partNumber=") == 3
    assert saved.etag.endswith("-3")
    assert moto.read("media", "1.bin") == data


def test_a_file_is_written_without_being_read_whole(moto, save, tmp_path):
    path = tmp_path / "archive.bin"
    path.write_bytes(build_bytes(LARGE))

    save("archive.bin", FileContent(path))

    assert moto.read("media", "archive.bin") == path.read_bytes()


@pytest.mark.parametrize(
    "content", [ShortContent(LARGE, 1), ShortContent(LARGE, -1), BrokenContent(LARGE)]
)
def test_nothing_is_left_of_parts_whose_content_broke_off(moto, save, content):
    with pytest.raises(IntegrityError, match=r"bytes long|any further"):
        save("1.bin", content)

    assert list_uploads(moto) == []
    assert moto.list("media") == []


def test_nothing_is_left_of_parts_whose_condition_fails(moto, save):
    moto.put("media", "1.bin", b"old")

    with pytest.raises(PreconditionFailed, match="not the one expected"):
        save("1.bin", bytes(LARGE), ABSENT)

    assert list_uploads(moto) == []
    assert moto.read("media", "1.bin") == b"old"


def test_parts_replace_the_object_that_is_expected(moto, save):
    etag = moto.put("media", "1.bin", b"old")

    save("1.bin", bytes(LARGE), matches(etag))

    assert moto.read("media", "1.bin") == bytes(LARGE)


@pytest.mark.xfail(
    strict=True,
    reason="moto does not look at If-Match when it puts parts together, only at "
    "If-None-Match: https://github.com/getmoto/moto/pull/8380",
)
def test_parts_for_an_object_that_is_gone_are_refused(moto, save):
    etag = moto.put("media", "1.bin", b"old")
    moto.remove("media", "1.bin")

    with pytest.raises(PreconditionFailed, match="no such object"):
        save("1.bin", bytes(LARGE), matches(etag))

    assert list_uploads(moto) == []


def test_what_broke_the_upload_counts_even_if_it_cannot_be_tidied(
    moto, through_proxy, proxy, save
):
    proxy.add(Reply(Answer(403)), method="DELETE")

    with pytest.raises(IntegrityError, match="bytes long"):
        save("1.bin", ShortContent(LARGE, 1), where=through_proxy)

    assert len(list_uploads(moto)) == 1


def test_parts_of_writers_that_meet_are_not_mixed(moto, save):
    contents = [bytes([number]) * (LARGE + number) for number in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda data: save("1.bin", data), contents))

    assert moto.read("media", "1.bin") in contents


def test_a_conditional_write_whose_answer_was_lost_is_not_certain(
    moto, through_proxy, proxy, save
):
    # The server has written it when it fails, and the second try finds its own object.
    proxy.add(Reply(Answer(500)), method="PUT")
    moto.put("media", "1.json", b"{}")

    with pytest.raises((Unavailable, PreconditionFailed), match="not known") as caught:
        save("1.json", b"{}", ABSENT, where=through_proxy)

    assert isinstance(caught.value, Unavailable)
    assert moto.read("media", "1.json") == b"{}"


def test_a_conflict_with_another_writer_is_worth_a_retry(through_proxy, proxy, save):
    conflict = b"<Error><Code>ConditionalRequestConflict</Code></Error>"
    proxy.add(Reply(Answer(409, XML, conflict)), times=EACH_TIME)

    with pytest.raises(TransientStorageError, match="under way"):
        save("1.json", b"{}", ABSENT, where=through_proxy)


def test_a_server_without_conditional_writes_says_so(through_proxy, proxy, save):
    refusal = b"<Error><Code>NotImplemented</Code></Error>"
    proxy.add(Reply(Answer(501, XML, refusal)))

    with pytest.raises(NotSupported, match="does not support"):
        save("1.json", b"{}", ABSENT, where=through_proxy)


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize(
    ("options", "found", "key"),
    [
        ({"server_side_encryption": "AES256"}, "AES256", None),
        ({"server_side_encryption": "aws:kms"}, "aws:kms", None),
        ({"aws_sse_kms_key_id": "alias/labels"}, "aws:kms", "alias/labels"),
        ({}, None, None),
    ],
)
def test_encryption_is_asked_for_as_the_settings_say(
    moto, connect, save, options, found, key, size
):
    where = connect(Purpose.EXPORT, **moto.build_options("media"), **options)

    save("1.json", bytes(size), where=where)

    kept = moto.client.head_object(Bucket="media", Key="1.json")
    assert kept.get("ServerSideEncryption") == found
    assert kept.get("SSEKMSKeyId") == key


def test_a_version_is_told_where_the_bucket_keeps_them(moto, save):
    moto.client.put_bucket_versioning(
        Bucket="media", VersioningConfiguration={"Status": "Enabled"}
    )

    first, second = save("1.json", b"one"), save("1.json", b"two")

    assert first.version
    assert second.version not in {None, first.version}


def test_a_deleted_version_existed_and_does_not_any_more(moto, save, provider, storage):
    moto.client.put_bucket_versioning(
        Bucket="media", VersioningConfiguration={"Status": "Enabled"}
    )
    save("1.json", b"one")

    outcomes = [
        provider.delete_annotation(storage, DeleteRequest("1.json")).existed
        for _ in range(2)
    ]

    assert outcomes == [True, False]


def test_the_server_checks_the_condition_of_a_deletion_too(
    moto, through_proxy, proxy, provider
):
    # The object changes between the look and the deletion.
    etag = moto.put("media", "1.json", b"one")
    look = {"ETag": f'"{etag}"', "Content-Length": "3"}
    proxy.add(Reply(Answer(200, look)), method="HEAD")
    moto.put("media", "1.json", b"two")

    with pytest.raises(PreconditionFailed, match="not the one expected"):
        provider.delete_annotation(
            through_proxy, DeleteRequest("1.json", matches(etag))
        )

    assert moto.read("media", "1.json") == b"two"

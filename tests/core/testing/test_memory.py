"""The memory provider, through the guard: the example has to be right."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import (
    ABSENT,
    Availability,
    ByteRange,
    BytesContent,
    ContainerNotFound,
    DeleteRequest,
    Deletion,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    ListQuery,
    NotSupported,
    ObjectNotFound,
    OperatorOptions,
    PreconditionFailed,
    PresignRequest,
    Purpose,
    ReadRequest,
    StorageRef,
    ValidateRequest,
    WriteRequest,
    matches,
)
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from labeldock.testing.plugins import build_catalog

REF = StorageRef(
    id=1,
    provider="memory",
    purpose=Purpose.IMPORT,
    options=MemoryOptions(bucket="photos"),
    operator=OperatorOptions(),
    fingerprint="f",
)
EXPORT = dataclasses.replace(REF, purpose=Purpose.EXPORT)
ELSEWHERE = dataclasses.replace(REF, options=MemoryOptions(bucket="none"))

# Few characters, so that prefixes, folders and neighbours in order meet often.
KEYS = st.text("a/b.\U0001f600\uffff", min_size=1, max_size=6)


def build_bound(*keys):
    provider = MemoryProvider()
    provider.create_bucket("photos")
    bound = build_catalog(provider).provider("memory")
    for key in keys:
        save(bound, key)
    return bound


def save(bound, key, data=b"0123456789", **condition):
    request = WriteRequest(key, BytesContent(data), "text/plain", **condition)
    return bound.save_annotation(REF, request)


def read(bound, key, **fields):
    body = bound.get_data(REF, ReadRequest(key, **fields))
    return body, body.reader.read(1000)


def walk(bound, query):
    """All keys and prefixes, page by page, each page's in one order."""
    names = []
    while True:
        page = bound.list_objects(REF, query)
        names += sorted([*(o.key for o in page.objects), *page.prefixes])
        if page.cursor is None:
            return names
        query = dataclasses.replace(query, cursor=page.cursor)


def model(keys, query):
    """What a listing has to give, the simple way."""
    found = set()
    for key in keys:
        is_after = query.after_key is None or key > query.after_key
        is_within = query.upto_key is None or key <= query.upto_key
        if key.startswith(query.prefix) and is_after and is_within:
            rest = key[len(query.prefix) :]
            head, slash, _ = rest.partition("/") if query.delimiter else (rest, "", "")
            found.add(query.prefix + head + slash)
    return sorted(found)


@pytest.fixture
def bound():
    return build_bound()


# Listing


@given(
    keys=st.sets(KEYS, max_size=12),
    prefix=st.sampled_from(["", "a", "a/", "b"]),
    delimiter=st.sampled_from([None, "/"]),
    after_key=st.none() | KEYS,
    upto_key=st.none() | KEYS,
    limit=st.integers(1, 4),
)
def test_listing_equals_a_sorted_model(keys, **fields):
    query = ListQuery(**fields)

    assert walk(build_bound(*keys), query) == model(keys, query)


def test_a_page_of_exactly_the_limit_is_the_last_one():
    page = build_bound("a", "b").list_objects(REF, ListQuery(limit=2))

    assert len(page.objects) == 2
    assert page.cursor is None


def test_listing_goes_on_after_a_key_that_was_deleted():
    bound = build_bound("a", "b", "c")
    page = bound.list_objects(REF, ListQuery(limit=1))
    bound.delete_annotation(REF, DeleteRequest("a"))

    assert walk(bound, ListQuery(cursor=page.cursor)) == ["b", "c"]


def test_listing_names_the_missing_bucket(bound):
    with pytest.raises(ContainerNotFound, match="there is no bucket 'none'"):
        bound.list_objects(ELSEWHERE, ListQuery())


# Reading


def test_what_was_saved_can_be_read(bound):
    saved = save(bound, "a.txt")

    body, data = read(bound, "a.txt")

    assert data == b"0123456789"
    assert (body.info.etag, body.info.size) == (saved.etag, 10)
    assert body.info.content_type == "text/plain"
    assert body.info.last_modified.tzinfo is not None


@pytest.mark.parametrize(
    ("byte_range", "data"),
    [
        (ByteRange(0, 3), b"0123"),
        (ByteRange(8), b"89"),
        (ByteRange(8, 100), b"89"),
        (ByteRange(None, 4), b"6789"),
    ],
)
def test_a_range_gives_its_bytes(bound, byte_range, data):
    save(bound, "a.txt")

    assert read(bound, "a.txt", byte_range=byte_range)[1] == data


def test_a_range_past_the_end_says_the_size(bound):
    save(bound, "a.txt")

    with pytest.raises(InvalidRange, match="no byte") as caught:
        read(bound, "a.txt", byte_range=ByteRange(10))

    assert caught.value.size == 10


def test_metadata_comes_without_bytes(bound):
    save(bound, "a.txt")

    body, data = read(bound, "a.txt", metadata_only=True)

    assert (body.info.size, data) == (10, b"")


def test_an_object_that_changed_is_not_read(bound):
    etag = save(bound, "a.txt").etag
    save(bound, "a.txt", b"new")

    with pytest.raises(PreconditionFailed, match="has changed"):
        read(bound, "a.txt", if_match=etag)


def test_a_missing_object_is_not_found(bound):
    with pytest.raises(ObjectNotFound, match=r"no object 'a\.txt'"):
        read(bound, "a.txt")


# Writing


def test_a_save_that_wants_no_object_refuses_one(bound):
    save(bound, "a", b"old", condition=ABSENT)

    with pytest.raises(PreconditionFailed, match="is an object 'a' already"):
        save(bound, "a", b"new", condition=ABSENT)

    assert read(bound, "a")[1] == b"old"


def test_a_save_refuses_a_stale_etag(bound):
    etag = save(bound, "a", b"old").etag
    save(bound, "a", b"new", condition=matches(etag))

    with pytest.raises(PreconditionFailed, match="'a' has changed"):
        save(bound, "a", b"newer", condition=matches(etag))


def test_a_save_over_a_missing_object_refuses_an_etag(bound):
    with pytest.raises(PreconditionFailed, match="'a' has changed"):
        save(bound, "a", condition=matches("x"))


def test_of_many_conditional_saves_one_succeeds(bound):
    def try_save(number):
        try:
            save(bound, "a", bytes([number]), condition=ABSENT)
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(try_save, range(32)))

    assert outcomes.count(True) == 1


@pytest.mark.parametrize("key", ["", "a\0", "\udcff", "k" * 1025, "é" * 513])
def test_a_key_that_no_cloud_holds_is_refused(bound, key):
    with pytest.raises(InvalidKey, match="key"):
        save(bound, key)


@pytest.mark.parametrize("key", ["a b#?%+&", ".hidden", "é", "e\u0301", "k" * 1024])
def test_any_other_key_survives_save_list_get_and_delete(bound, key):
    save(bound, key)

    assert walk(bound, ListQuery()) == [key]
    assert read(bound, key)[1] == b"0123456789"
    assert bound.delete_annotation(REF, DeleteRequest(key)).existed
    assert walk(bound, ListQuery()) == []


def test_content_of_another_size_than_announced_is_refused(bound):
    class Shrinking(BytesContent):
        size = 100

    with pytest.raises(IntegrityError, match="ended at another size"):
        bound.save_annotation(REF, WriteRequest("a", Shrinking(b"x"), "text/plain"))

    assert walk(bound, ListQuery()) == []


def test_deleting_a_missing_object_is_no_error(bound):
    assert bound.delete_annotation(REF, DeleteRequest("a")) == Deletion(existed=False)


def test_a_deletion_refuses_a_stale_etag(bound):
    save(bound, "a")

    with pytest.raises(PreconditionFailed, match="'a' has changed"):
        bound.delete_annotation(REF, DeleteRequest("a", matches("x")))

    assert walk(bound, ListQuery()) == ["a"]


# Validation and signing


def test_an_import_needs_an_object_below_its_prefix():
    bound = build_bound("a/b")

    found = bound.validate(REF, ValidateRequest(prefix="a/"))
    empty = bound.validate(REF, ValidateRequest(prefix="b/"))

    assert found.is_ok
    assert (empty.status, empty.problems[0].field) == ("available", "prefix")


def test_an_export_needs_the_bucket_alone(bound):
    assert bound.validate(EXPORT, ValidateRequest()).is_ok


def test_a_probe_leaves_nothing_behind(bound):
    assert bound.validate(EXPORT, ValidateRequest("out/", probe_write=True)).is_ok

    assert walk(bound, ListQuery()) == []


def test_a_missing_bucket_is_an_answer(bound):
    report = bound.validate(ELSEWHERE, ValidateRequest())

    assert report.status is Availability.NOT_FOUND
    assert report.problems[0].field == "bucket"


def test_there_is_nothing_to_sign(bound):
    with pytest.raises(NotSupported, match="no URLs"):
        bound.presign(REF, PresignRequest("a", timedelta(minutes=1)))


def test_an_objects_uri_begins_with_its_base():
    assert REF.options.base_uri() == "memory://photos/"


def test_every_provider_object_has_buckets_of_its_own():
    build_bound("a")

    assert walk(build_bound(), ListQuery()) == []

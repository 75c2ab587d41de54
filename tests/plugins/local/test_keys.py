"""Which texts are keys, and that every legal one makes the whole round."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import (
    ABSENT,
    BytesContent,
    DeleteRequest,
    InvalidKey,
    ListQuery,
    ReadRequest,
    WriteRequest,
)
from labeldock_local.keys import escape_name, split_key
from labeldock_local.plugin import LocalProvider
from tests.plugins.local.strategies import NASTY, keys
from tests.plugins.local.test_listing_properties import build_storage

MALFORMED = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "a/.",
    "a/../b",
    "../a",
    "a/..",
    "a\0b",
    "a/b\0",
    "\ud800",
    "a/\udcff",
    "x" * 256,
    "\u00e9" * 128,
    "a/" + "x" * 256 + "/b",
    "a/" * 2047 + "bbb",
    ".labeldock-0123456789abcdef.tmp",
    "a/.labeldock-0123456789abcdef.tmp",
    ".labeldock-0123456789abcdef.tmp/a",
]


@pytest.mark.parametrize("key", MALFORMED)
def test_a_malformed_key_is_refused_by_every_operation(key, provider, storage):
    content = BytesContent(b"x")
    attempts = [
        lambda: provider.get_data(storage, ReadRequest(key)),
        lambda: provider.get_data(storage, ReadRequest(key, metadata_only=True)),
        lambda: provider.save_annotation(storage, WriteRequest(key, content, "a/b")),
        lambda: provider.delete_annotation(storage, DeleteRequest(key)),
    ]

    for attempt in attempts:
        with pytest.raises(InvalidKey, match="key"):
            attempt()
    assert provider.list_objects(storage, ListQuery()).objects == ()


@pytest.mark.parametrize("key", MALFORMED)
def test_the_message_on_a_malformed_key_can_be_printed(key):
    with pytest.raises(InvalidKey, match="key") as caught:
        split_key(key)

    assert str(caught.value).encode()


@pytest.mark.parametrize("prefix", MALFORMED[1:])
def test_a_malformed_prefix_or_bound_finds_nothing_foreign(prefix, put, list_keys):
    put("a/b")

    assert list_keys(prefix=prefix) in ([], ["a/b"])
    assert list_keys(after_key=prefix) in ([], ["a/b"])
    assert list_keys(prefix=prefix, delimiter="/") in ([], ["a/b"])


def test_keys_keep_their_normal_form(put, list_keys, load):
    composed, decomposed = "\u00e9", "e\u0301"
    put(composed, b"composed")
    put(decomposed, b"decomposed")

    assert list_keys() == [decomposed, composed]
    assert load(composed) == b"composed"
    assert load(decomposed) == b"decomposed"


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_makes_the_round(name, provider, storage, media):
    make_round(provider, storage, f"{name}/{name}")


def test_the_longest_key_makes_the_round(provider, storage, media):
    key = "/".join(["x" * 255] * 15 + ["a", "y" * 254])

    assert len(key) == 4096
    make_round(provider, storage, key)


@given(key=keys, data=st.binary(max_size=50))
def test_any_legal_key_makes_the_round(key, data):
    with tempfile.TemporaryDirectory() as folder:
        make_round(LocalProvider(), build_storage(folder), key, data)


def make_round(provider, storage, key, data=b"data"):
    """Save, list, get and delete one object."""
    request = WriteRequest(key, BytesContent(data), "text/plain", ABSENT)
    etag = provider.save_annotation(storage, request).etag

    page = provider.list_objects(storage, ListQuery())
    body = provider.get_data(storage, ReadRequest(key, if_match=etag))
    with_bytes = body.reader.read(-1)
    body.reader.close()

    assert [(item.key, item.size, item.etag) for item in page.objects] == [
        (key, len(data), etag)
    ]
    assert with_bytes == data
    assert provider.delete_annotation(storage, DeleteRequest(key)).existed
    assert not provider.delete_annotation(storage, DeleteRequest(key)).existed
    assert provider.list_objects(storage, ListQuery()).objects == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain", "plain"),
        (b"\xff.jpg", "%FF.jpg"),
        (b"a\x80\xc3b", "a%80%C3b"),
        ("é%".encode(), "é%"),
        (b"\xed\xa0\x80", "%ED%A0%80"),
    ],
)
def test_bytes_that_are_not_utf8_are_escaped(name, text):
    assert escape_name(name) == text

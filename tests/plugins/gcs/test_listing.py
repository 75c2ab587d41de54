"""Listing from an offset: bounds, prefixes, and pages that the server leaves empty."""

from __future__ import annotations

import pytest

from labeldock.contract import CursorExpired, InvalidKey, ListQuery, Unavailable
from tests.servers.gcs.messages import parse_qsl, urlsplit


@pytest.fixture
def put(bucket):
    """Objects behind the provider's back."""

    def put(*keys):
        for key in keys:
            bucket.put(key, b"data", "text/plain")

    return put


@pytest.fixture
def listed(server):
    """The parameters of each listing that was asked for."""

    def listed():
        return [
            dict(parse_qsl(urlsplit(target).query))
            for _, target in server.requests
            if "/o?" in target
        ]

    return listed


def names(pages):
    keys = [each.key for page in pages for each in page.objects]
    return keys, [prefix for page in pages for prefix in page.prefixes]


def test_pages_are_led_through_by_offset_not_by_token(put, list_pages, listed):
    put("a", "b", "c", "d", "e")

    pages = list_pages(limit=2)

    assert names(pages)[0] == ["a", "b", "c", "d", "e"]
    assert [page.cursor for page in pages] == ["after:b", "after:d", None]
    assert [each.get("startOffset") for each in listed()] == [None, "b", "d"]
    assert not any("pageToken" in each for each in listed())


def test_what_is_not_needed_is_not_sent(put, list_pages, listed, server):
    put("a")

    list_pages()

    assert listed()[0]["fields"].startswith("items(name,size,generation")


def test_an_offset_that_is_gone_hides_nothing(put, provider, storage, bucket):
    put("a", "b", "c")
    page = provider.list_objects(storage, ListQuery(limit=2))
    bucket.delete("b")

    rest = provider.list_objects(storage, ListQuery(limit=2, cursor=page.cursor))

    assert [each.key for each in rest.objects] == ["c"]


def test_the_largest_page_is_the_servers(put, provider, storage, listed):
    put(*(f"{number:04}" for number in range(1001)))

    page = provider.list_objects(storage, ListQuery(after_key="0000", limit=5000))

    assert listed()[0]["maxResults"] == "1000"
    assert (len(page.objects), page.cursor) == (999, "after:0999")


def test_after_a_prefix_comes_what_does_not_begin_with_it(put, list_pages):
    put("a/1", "a/2", "a0", "b")

    pages = list_pages(delimiter="/", limit=1)

    assert names(pages) == (["a0", "b"], ["a/"])
    assert pages[0].cursor == "from:a0"


@pytest.mark.parametrize(
    ("query", "keys", "prefixes"),
    [
        ({"after_key": "a/2"}, ["b"], ["c/"]),
        ({"after_key": "a/1"}, ["b"], ["a/", "c/"]),
        ({"after_key": "a/15"}, ["b"], ["a/", "c/"]),
        ({"upto_key": "a/0"}, [], []),
        ({"upto_key": "a/1"}, [], ["a/"]),
        ({"upto_key": "c"}, ["b"], ["a/"]),
        ({"upto_key": "c/1"}, ["b"], ["a/", "c/"]),
        ({"after_key": "a/1", "upto_key": "a/15"}, [], []),
        ({"prefix": "a/", "after_key": "a/1"}, ["a/2"], []),
    ],
)
def test_a_prefix_is_given_if_a_key_below_it_lies_in_the_bounds(
    put, list_pages, query, keys, prefixes
):
    put("a/1", "a/2", "b", "c/1")

    assert names(list_pages(delimiter="/", **query)) == (keys, prefixes)


def test_a_delimiter_may_be_any_text(put, list_pages):
    put("a--1", "a--2", "b", "c\ud7ff1", "d")

    assert names(list_pages(delimiter="--", limit=1))[1] == ["a--"]
    assert names(list_pages(delimiter="\ud7ff", limit=1))[1] == ["c\ud7ff"]


@pytest.mark.parametrize("cursor", ["", "b", "token:x", "before:b"])
def test_a_cursor_of_others_is_expired(provider, storage, cursor):
    with pytest.raises(CursorExpired, match="not one of this provider"):
        provider.list_objects(storage, ListQuery(cursor=cursor))


@pytest.mark.parametrize(
    "query", [{"prefix": "\udcff"}, {"after_key": "\udcff"}, {"cursor": "after:\udcff"}]
)
def test_bounds_that_are_no_text_are_refused(provider, storage, server, query):
    with pytest.raises(InvalidKey, match="not valid UTF-8"):
        provider.list_objects(storage, ListQuery(**query))

    assert server.requests == []


def test_empty_pages_of_the_server_are_passed_over(put, list_pages, bucket, listed):
    put("a", "b")
    bucket.empty_pages = 3

    pages = list_pages()

    assert names(pages)[0] == ["a", "b"]
    assert len(pages) == 1
    assert len(listed()) == 4


def test_a_server_that_gives_nothing_but_empty_pages_is_left(provider, storage, bucket):
    bucket.empty_pages = 1_000_000

    with pytest.raises(Unavailable, match="nothing but empty pages"):
        provider.list_objects(storage, ListQuery())


def test_a_name_with_a_nul_is_reported(provider, storage, server):
    body = b"""{"items": [
        {"name": "a", "size": "1", "generation": "5"},
        {"name": "b\\u0000c", "size": "1", "generation": "6"}
    ]}"""
    server.add_fault(path="/o?", status=200, body=body)

    page = provider.list_objects(storage, ListQuery())

    assert [each.key for each in page.objects] == ["a"]
    assert [each.name for each in page.unreadable] == ["b%00c"]

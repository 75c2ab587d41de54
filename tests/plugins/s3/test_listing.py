"""Listing: cursors, and servers that do not do what they should."""

from __future__ import annotations

import pytest

from labeldock.contract import CursorExpired, InvalidKey, ListQuery, NotSupported
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import FaultProxy, Reply

XML = {"Content-Type": "application/xml"}
ENTRY = (
    "<Contents><Key>{}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag>"
    "<LastModified>2026-11-21T10:00:00Z</LastModified></Contents>"
)


def build_page(*keys, is_truncated=False):
    """An answer to ListObjectsV2."""
    entries = "".join(ENTRY.format(key) for key in keys)
    more = str(is_truncated).lower()
    text = (
        f"<ListBucketResult><IsTruncated>{more}</IsTruncated>"
        f"<NextContinuationToken>t</NextContinuationToken>{entries}</ListBucketResult>"
    )
    return Answer(200, XML, text.encode())


@pytest.fixture
def proxy(moto):
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(moto, proxy, connect):
    return connect(**moto.change(endpoint=proxy.url).build_options("media"))


@pytest.fixture
def list_page(provider, storage):
    def list_page(**query):
        return provider.list_objects(storage, ListQuery(**query))

    return list_page


def test_the_cursor_of_a_flat_listing_is_its_last_key(moto, list_page):
    moto.put_all("media", ["a", "b", "c"])

    page = list_page(limit=2)

    assert page.cursor == "after:b"
    assert [found.key for found in list_page(cursor=page.cursor).objects] == ["c"]


def test_a_cursor_of_long_ago_is_taken_up_after_all_changed(moto, list_page):
    moto.put_all("media", ["a", "b", "c"])
    page = list_page(limit=2)
    for key in ("a", "b"):
        moto.remove("media", key)
    moto.put("media", "b-2")

    found = list_page(cursor=page.cursor).objects

    assert [entry.key for entry in found] == ["b-2", "c"]


def test_the_cursor_after_a_key_that_xml_cannot_hold_is_the_servers(moto, list_page):
    moto.put_all("media", ["a\x01", "b\uffff", "c"])

    first = list_page(limit=1)
    second = list_page(limit=1, cursor=first.cursor)

    assert [found.key for found in second.objects] == ["b\uffff"]
    assert first.cursor.startswith("token:")


def test_a_level_of_many_folders_is_listed_page_by_page(moto, list_page):
    moto.put_all("media", [f"{name}/1" for name in "abcdefg"])
    found, cursor = [], None

    for _ in range(4):
        page = list_page(delimiter="/", limit=2, cursor=cursor)
        found += page.prefixes
        cursor = page.cursor

    assert found == [f"{name}/" for name in "abcdefg"]
    assert cursor is None


def test_a_token_that_the_server_refuses_has_expired(through_proxy, proxy, provider):
    refusal = b"<Error><Code>InvalidArgument</Code></Error>"
    proxy.add(Reply(Answer(400, XML, refusal)))

    with pytest.raises(CursorExpired, match="token"):
        provider.list_objects(
            through_proxy, ListQuery(delimiter="/", cursor="token:old")
        )


def test_a_cursor_of_another_provider_has_expired(list_page):
    with pytest.raises(CursorExpired, match="not one of this provider"):
        list_page(cursor="42")


def test_a_server_that_ignores_where_to_start_is_noticed(
    through_proxy, proxy, provider
):
    proxy.add(Reply(build_page("a", "b", is_truncated=True)))

    with pytest.raises(NotSupported, match="start-after") as caught:
        provider.list_objects(through_proxy, ListQuery(cursor="after:b"))

    assert caught.value.field == "s3_endpoint"


def test_a_key_with_a_zero_byte_is_reported_and_not_listed(
    through_proxy, proxy, provider
):
    page = build_page("a", "b%00c")
    encoded = page.body.replace(
        b"<Contents>", b"<EncodingType>url</EncodingType><Contents>", 1
    )
    proxy.add(Reply(Answer(200, XML, encoded)))

    found = provider.list_objects(through_proxy, ListQuery())

    assert [entry.key for entry in found.objects] == ["a"]
    assert [entry.name for entry in found.unreadable] == ["b%00c"]


@pytest.mark.parametrize("query", [{"prefix": "\udcff"}, {"after_key": "a\0"}])
def test_what_no_key_can_begin_with_is_not_asked_for(list_page, query):
    with pytest.raises(InvalidKey, match="The key"):
        list_page(**query)


def test_more_than_a_page_can_hold_is_not_asked_for(through_proxy, proxy, provider):
    provider.list_objects(through_proxy, ListQuery(limit=5000))

    assert "max-keys=1000" in proxy.record.requests[0][1]


def test_a_listing_ends_at_its_last_key_without_another_request(
    moto, through_proxy, proxy, provider
):
    moto.put_all("media", ["a", "b", "c", "d"])

    page = provider.list_objects(through_proxy, ListQuery(upto_key="b", limit=2))

    assert [found.key for found in page.objects] == ["a", "b"]
    assert page.cursor is None
    assert len(proxy.record.requests) == 1

"""Listing: markers, bounds, and what is no blob service."""

from __future__ import annotations

import pytest

from labeldock.contract import (
    CursorExpired,
    InvalidKey,
    ListQuery,
    StorageError,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import Reply


@pytest.fixture
def list_page(provider, storage):
    def list_page(**query):
        return provider.list_objects(storage, ListQuery(**query))

    return list_page


def test_pages_follow_the_services_marker(place, media, list_page):
    place.put_all(media, ["a", "b", "c"])

    page = list_page(limit=2)

    assert page.cursor.startswith("marker:")
    assert [found.key for found in list_page(cursor=page.cursor).objects] == ["c"]


def test_a_level_of_many_folders_is_listed_page_by_page(place, media, list_page):
    place.put_all(media, [f"{name}/1" for name in "abcde"])
    found, cursor = [], None

    for _ in range(3):
        page = list_page(delimiter="/", limit=2, cursor=cursor)
        found += page.prefixes
        cursor = page.cursor

    assert found == [f"{name}/" for name in "abcde"]
    assert cursor is None


def test_bounds_are_kept_though_the_service_knows_none(place, media, list_page):
    place.put_all(media, ["a", "b/1", "b/2", "c", "d"])

    page = list_page(after_key="a", upto_key="c")
    level = list_page(delimiter="/", after_key="b/1", upto_key="c")

    assert [found.key for found in page.objects] == ["b/1", "b/2", "c"]
    assert level.prefixes == ("b/",)
    assert [found.key for found in level.objects] == ["c"]


def test_a_marker_that_the_service_refuses_has_expired(through_proxy, proxy, provider):
    proxy.add(Reply(Answer(400, {"x-ms-error-code": "OutOfRangeInput"})))

    with pytest.raises(CursorExpired, match="marker"):
        provider.list_objects(through_proxy, ListQuery(cursor="marker:old"))


def test_a_cursor_of_another_provider_has_expired(list_page):
    with pytest.raises(CursorExpired, match="not one of this provider"):
        list_page(cursor="42")


def test_what_no_name_can_begin_with_is_not_asked_for(list_page):
    for prefix in ("\udcff", "a\0", "\uffff"):
        with pytest.raises(InvalidKey, match="The key"):
            list_page(prefix=prefix)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><p>Hello<br>"),
        Answer(302, {"Location": "http://127.0.0.1:9/elsewhere"}),
    ],
)
def test_a_web_site_at_the_endpoint_is_no_blob_service(
    through_proxy, proxy, provider, answer
):
    proxy.add(Reply(answer), times=9)

    with pytest.raises(StorageError, match="no blob service") as caught:
        provider.list_objects(through_proxy, ListQuery())

    assert caught.value.field == "azure_endpoint"


def test_nobody_is_sent_elsewhere(place, media, through_proxy, proxy, provider):
    # A server of a stranger's choice must not make us ask another one.
    proxy.add(Reply(Answer(307, {"Location": f"{place.endpoint}/{media}"})))

    with pytest.raises(StorageError, match="no blob service"):
        provider.list_objects(through_proxy, ListQuery())

    assert len(proxy.record.requests) == 1


def test_the_time_of_a_blob_is_in_utc(place, media, list_page):
    place.put(media, "a.txt", kind="text/plain")

    (found,) = list_page().objects

    assert found.last_modified.utcoffset().total_seconds() == 0
    assert (found.size, found.content_type) == (10, "text/plain")

"""Listing: what a page holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import AccessDenied, ListQuery, Unauthenticated
from labeldock.testing.bench import DATA, Bench
from labeldock.testing.keys import ODD_KEYS, build_long_key
from labeldock.testing.models import list_expected, sort_keys
from labeldock.testing.rig import NotApplicable
from labeldock.testing.scenarios import scenario
from labeldock.testing.strategies import build_settings, queries, short_keys
from labeldock.testing.suites.suite import Suite


class ListingSuite(Suite):
    """What listings hold, whatever the size of their pages."""

    @scenario("L1")
    def test_l1_empty_storage(self, bench: Bench) -> None:
        """An empty storage gives one empty page and no cursor."""
        page = bench.list_page(ListQuery())

        assert (page.objects, page.prefixes, page.cursor) == ((), (), None)

    @scenario("L2")
    def test_l2_one_object(self, bench: Bench) -> None:
        """One object is listed, alone."""
        bench.put("photo.jpg", DATA, "image/jpeg")

        page = bench.list_page(ListQuery())

        assert [found.key for found in page.objects] == ["photo.jpg"]
        assert page.cursor is None

    @scenario("L3")
    def test_l3_prefix(self, bench: Bench) -> None:
        """A prefix selects the keys that begin with it, as raw text, and no others."""
        keys = bench.keep_legal(["a", "ab", "a/x", "a/b/y", "b", "b/a", "ba", "Ab"])
        bench.put_all(keys)

        for prefix in ("", "a", "a/", "a/b", "ab", "b", "A", "c", "/"):
            found = bench.list_keys(ListQuery(prefix))
            expected = [key for key in keys if key.startswith(prefix)]
            assert sorted(found) == sorted(expected), f"below {prefix!r}"

    @scenario("L7")
    def test_l7_odd_keys(self, bench: Bench) -> None:
        """Keys with awkward characters are listed as they are."""
        keys = bench.keep_legal(ODD_KEYS)
        for key in keys:
            bench.put(key)

        found = bench.list_keys()

        assert sort_keys(found) == sort_keys(keys)

    @scenario("L9", needs="ordered")
    def test_l9_order(self, bench: Bench) -> None:
        """Keys come in the order of their UTF-8 bytes."""
        keys = bench.keep_legal(
            ["a/x", "a-b", "a.txt", "a0", "B", "\uffff", "\U00010000"]
        )
        bench.put_all(keys)

        assert bench.list_keys(ListQuery(limit=2)) == sort_keys(keys)

    @scenario("L11", needs="seekable")
    def test_l11_after_key(self, bench: Bench) -> None:
        """A listing starts after any key, be there an object under it or not."""
        keys = ["a", "b", "c-1", "c/1", "d"]
        bench.put_all(keys)

        for after in ("A", "a", "ab", "c", "c/0", "c/1", "d", "e"):
            found = bench.list_keys(ListQuery(after_key=after))
            assert found == [key for key in keys if key > after], f"after {after!r}"

    @scenario("L12")
    def test_l12_upto_key(self, bench: Bench) -> None:
        """A listing ends with a given key, be there an object under it or not."""
        keys = ["a", "b", "c-1", "c/1", "d"]
        bench.put_all(keys)

        for upto in ("A", "a", "ab", "c", "c/1", "c/2", "e"):
            found = bench.list_keys(ListQuery(upto_key=upto, limit=2))
            expected = [key for key in keys if key <= upto]
            assert sorted(found) == expected, f"up to {upto!r}"

    @scenario("L13", needs="delimiter")
    def test_l13_delimiter(self, bench: Bench) -> None:
        """A delimiter folds what lies deeper into prefixes."""
        keys = bench.keep_legal(["a", "d/1", "d/2", "d/e/3", "d-1", "f/e/1", "f.txt"])
        bench.put_all(keys)

        for prefix in ("", "d", "d/", "f/", "f/e/"):
            query = ListQuery(prefix, delimiter="/")
            page = bench.list_page(query)
            objects, prefixes = list_expected(keys, query)
            assert sort_keys(found.key for found in page.objects) == objects
            assert sort_keys(page.prefixes) == prefixes

    @scenario("L15")
    def test_l15_folder_markers(self, bench: Bench) -> None:
        """An empty object that marks a folder is listed like any other."""
        bench.need_legal("folder/")
        bench.put("folder/", b"")
        bench.put("folder/photo.jpg")

        below = bench.list_objects(ListQuery("folder/"))

        assert sorted(found.key for found in below) == ["folder/", "folder/photo.jpg"]
        assert {found.size for found in below} == {0, len(DATA)}

    @scenario("L16")
    def test_l16_infos(self, bench: Bench) -> None:
        """An entry has the object's size, its ETag, and when it changed, in UTC."""
        bench.put("empty.txt", b"")
        bench.put("photo.jpg", b"x" * 1234, "image/jpeg")

        empty, photo = sorted(bench.list_objects())

        assert (empty.size, photo.size) == (0, 1234)
        assert photo.etag == bench.get_info("photo.jpg").etag
        assert '"' not in photo.etag
        assert empty.etag != photo.etag
        if photo.last_modified is not None:
            assert photo.last_modified.utcoffset() == timedelta()
            age = datetime.now(UTC) - photo.last_modified
            assert abs(age) < timedelta(minutes=15)

    @scenario("L19")
    def test_l19_overwritten(self, bench: Bench) -> None:
        """An overwritten object is listed once, with another ETag."""
        bench.put("a.txt", b"old")
        (before,) = bench.list_objects()
        bench.put("a.txt", b"new and longer")

        (after,) = bench.list_objects()

        assert after.etag != before.etag
        assert after.size == len(b"new and longer")

    @scenario("L20")
    def test_l20_any_listing(self, bench: Bench) -> None:
        """Any listing of any keys is what a plain model of it says (property)."""

        @build_settings(bench.rig.examples)
        @given(st.data(), st.sets(short_keys(), max_size=12))
        def agree_with_model(data: st.DataObject, drawn: set[str]) -> None:
            with bench.open_another() as place:
                keys = place.keep_legal(sorted(drawn))
                place.put_all(keys)
                for _ in range(3):
                    _compare(place, keys, data.draw(queries(keys)))

        agree_with_model()

    @scenario("L21")
    def test_l21_wrong_credentials(self, bench: Bench) -> None:
        """With credentials that are not known, listing is Unauthenticated."""
        other = bench.connect(bench.rig.wrong_credentials)

        with pytest.raises(Unauthenticated):
            other.list_page(ListQuery())

    @scenario("L22")
    def test_l22_no_permission(self, bench: Bench) -> None:
        """Without the permission to list, listing is AccessDenied."""
        bench.put("a.txt")
        other = bench.connect(bench.rig.no_permission)

        with pytest.raises(AccessDenied):
            other.list_page(ListQuery())

    @scenario("L23")
    def test_l23_long_keys(self, bench: Bench) -> None:
        """A key of the longest size that the provider claims is listed."""
        size = bench.can.max_key_bytes - len(bench.prefix.encode())
        key = build_long_key(size)
        if not bench.keep_legal([key]):
            raise NotApplicable("the storage cannot hold the kit's long key")
        bench.save(key)

        assert bench.list_keys() == [key]


def _compare(place: Bench, keys: list[str], query: ListQuery) -> None:
    if query.after_key is not None and not place.can.seekable:
        return
    if query.delimiter and not place.can.delimiter:
        return
    pages = list(place.list_pages(query))
    objects, prefixes = list_expected(keys, query)
    found = [found.key for page in pages for found in page.objects]
    assert (found if place.can.ordered else sort_keys(found)) == objects
    has_bounds = query.after_key is not None or query.upto_key is not None
    if not has_bounds:  # else the contract leaves open which prefixes come
        folded = [prefix for page in pages for prefix in page.prefixes]
        assert sort_keys(folded) == prefixes

"""Listing: how pages follow one another, also while the storage changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from labeldock.contract import CursorExpired, ListQuery
from labeldock.testing.bench import Bench, Workplace
from labeldock.testing.models import sort_keys
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

SEVEN = [f"photo-{number}.jpg" for number in range(7)]


class PagingSuite(Suite):
    """Pages, cursors, and what happens between two pages."""

    @scenario("L4")
    def test_l4_pages(self, bench: Bench) -> None:
        """Pages together hold every key once, and the last one has no cursor."""
        bench.put_all(SEVEN)

        for limit in (2, 3, 7, 8):
            pages = list(bench.list_pages(ListQuery(limit=limit)))
            found = [item.key for page in pages for item in page.objects]
            assert Counter(found) == Counter(SEVEN), f"in pages of {limit}"
            assert all(len(page.objects) <= limit for page in pages)

    @scenario("L5")
    def test_l5_pages_of_one(self, bench: Bench) -> None:
        """Pages of one object each lead through the whole listing."""
        bench.put_all(SEVEN)

        assert sort_keys(bench.list_keys(ListQuery(limit=1))) == SEVEN

    @scenario("L6")
    def test_l6_unknown_cursors(self, bench: Bench) -> None:
        """A cursor of somebody else is expired, or listed from; never a crash."""
        bench.put_all(SEVEN)

        for cursor in ("", "x", "\U0001f600", "eyJhIjoxfQ==", "9" * 3000, "\0"):
            try:
                bench.list_page(ListQuery(cursor=cursor))
            except CursorExpired:
                continue

    @scenario("L8")
    def test_l8_deleted_between_pages(self, bench: Bench) -> None:
        """Objects deleted between two pages do not hide others."""
        bench.put_all(SEVEN)
        query = ListQuery(limit=3)
        first = bench.list_page(query)
        seen = [item.key for item in first.objects]
        gone = [seen[-1], next(key for key in SEVEN if key not in seen)]
        for key in gone:
            bench.remove(key)

        rest = bench.list_keys(replace(query, cursor=first.cursor))

        assert set(SEVEN) - {*seen, *gone} <= set(rest)
        assert not set(rest) & set(seen)

    @scenario("L10")
    def test_l10_large_listing(self, bench: Bench) -> None:
        """A listing larger than the server's pages is whole, at any limit."""
        keys = [f"{number % 7}/{number:05}.jpg" for number in range(bench.rig.bulk)]
        bench.put_all(keys)

        for limit in (1000, bench.rig.max_page + 1):
            found = bench.list_keys(ListQuery(limit=limit))
            assert len(found) == len(keys)
            assert set(found) == set(keys)

    @scenario("L14", needs="delimiter")
    def test_l14_pages_of_one_level(self, bench: Bench) -> None:
        """Prefixes count for the limit too, and each comes once in all pages."""
        keys = [f"{folder}/{number}" for folder in "abcde" for number in range(3)]
        bench.put_all([*keys, "b-file", "f-file"])

        pages = list(bench.list_pages(ListQuery(delimiter="/", limit=2)))

        folded = [prefix for page in pages for prefix in page.prefixes]
        found = [item.key for page in pages for item in page.objects]
        assert Counter(folded) == Counter(["a/", "b/", "c/", "d/", "e/"])
        assert Counter(found) == Counter(["b-file", "f-file"])

    @scenario("L17")
    def test_l17_added_between_pages(self, bench: Bench) -> None:
        """Objects added between two pages neither hide nor repeat others."""
        bench.put_all(SEVEN)
        query = ListQuery(limit=3)
        first = bench.list_page(query)
        bench.put_all(["added-first", "photo-3-added.jpg", "zzz-added"])

        rest = bench.list_keys(replace(query, cursor=first.cursor))

        seen = [item.key for item in first.objects]
        assert not {key for key, times in Counter([*seen, *rest]).items() if times > 1}
        assert set(SEVEN) <= {*seen, *rest}

    @scenario("L18")
    def test_l18_cursor_elsewhere(self, bench: Bench) -> None:
        """A cursor leads on in another process too, or is expired there."""
        bench.put_all(SEVEN)
        query = ListQuery(limit=3)
        first = bench.list_page(query)
        other = bench.move_to(Workplace(bench.rig))

        try:
            rest = other.list_keys(replace(query, cursor=first.cursor))
        except CursorExpired:
            return

        assert Counter([*(i.key for i in first.objects), *rest]) == Counter(SEVEN)

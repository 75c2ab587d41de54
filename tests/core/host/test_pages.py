"""An import can rely on every page that the guard lets through."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import (
    Capabilities,
    ContractViolation,
    ListQuery,
    ObjectInfo,
    ObjectPage,
    UnreadableObject,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider


class Listing(MemoryProvider):
    """Lists what it is given."""

    def __init__(self, page, capabilities):
        super().__init__()
        self._page, self._capabilities = page, capabilities

    @hookimpl
    def describe(self):
        info = super().describe()
        return dataclasses.replace(info, capabilities=self._capabilities)

    @hookimpl
    def list_objects(self):
        return self._page


def build_page(*keys, **fields):
    return ObjectPage(tuple(ObjectInfo(key, 1, "e") for key in keys), **fields)


@pytest.fixture
def list_page(connect):
    def list_page(page, capabilities=None, **query):
        bound, ref = connect(Listing(page, capabilities or Capabilities()))
        return bound.list_objects(ref, ListQuery(**query))

    return list_page


@pytest.mark.parametrize(
    ("page", "query", "reason"),
    [
        (build_page("b", "a"), {}, "not strictly ascending"),
        (build_page("a", "a"), {}, "not strictly ascending"),
        (
            build_page("a", "b", "c"),
            {"limit": 2},
            "returned 3 entries, the limit was 2",
        ),
        (build_page("a", "b"), {"prefix": "b"}, "outside the prefix"),
        (build_page("b", "c"), {"prefix": "b"}, "outside the prefix"),
        (build_page("a", "b"), {"after_key": "a"}, "at or before after_key"),
        (build_page("a", "b"), {"upto_key": "a"}, "beyond upto_key"),
        (build_page(cursor="x"), {"cursor": "x"}, "empty page and the same cursor"),
        (
            ObjectPage(ObjectInfo(key, 1, "e") for key in "ab"),
            {},
            "returned generator, not tuple",
        ),
        (
            build_page(unreadable=(UnreadableObject("\udcff", "no text"),)),
            {},
            "not UTF-8 text",
        ),
        (build_page("a\0"), {}, r"holds U\+0000"),
        (build_page("a", "\udcff"), {}, "not UTF-8 text"),
        (build_page(b"a"), {}, "not UTF-8 text"),
        (build_page(prefixes=("a/",)), {}, "without having been given a delimiter"),
        (build_page(prefixes=("a",)), {"delimiter": "/"}, "does not fit the query"),
        (
            build_page(prefixes=("a/",)),
            {"delimiter": "/", "prefix": "b"},
            "does not fit the query",
        ),
        (
            build_page(prefixes=("b/", "a/")),
            {"delimiter": "/"},
            "not strictly ascending",
        ),
        (
            build_page("a", prefixes=("b/",)),
            {"delimiter": "/", "limit": 1},
            "returned 2 entries",
        ),
    ],
)
def test_a_page_that_breaks_a_rule_is_refused(list_page, page, query, reason):
    with pytest.raises(ContractViolation, match=reason):
        list_page(page, **query)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (build_page(), {}),
        (build_page(cursor="y"), {"cursor": "x"}),
        (build_page("a", cursor="x"), {"cursor": "x"}),
        (build_page("a", "b"), {"after_key": "A", "upto_key": "b"}),
        # The cursor counts for more than the key that was given beside it.
        (build_page("a"), {"after_key": "b", "cursor": "x"}),
        (build_page("p/a", "p/b"), {"prefix": "p/", "limit": 2}),
        (build_page("a", prefixes=("b/",)), {"delimiter": "/"}),
        (
            build_page(unreadable=(UnreadableObject("a%FF", "no text"),), cursor="x"),
            {"cursor": "x"},
        ),
    ],
)
def test_a_page_that_keeps_the_rules_comes_through(list_page, page, query):
    assert list_page(page, **query) is page


def test_order_is_not_asked_of_a_provider_without_it(list_page):
    page = build_page("b", "a")

    assert list_page(page, Capabilities(ordered=False)) is page


def test_bounds_are_asked_of_a_provider_without_order(list_page):
    page = build_page("b", "a")

    with pytest.raises(ContractViolation, match="beyond upto_key"):
        list_page(page, Capabilities(ordered=False), upto_key="a")


def test_a_provider_that_cannot_seek_may_start_before_the_key(list_page):
    page = build_page("a", "b")

    assert list_page(page, Capabilities(seekable=False), after_key="a") is page


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_text_sorts_as_its_utf8_bytes_do(keys):
    assert sorted(keys) == sorted(keys, key=str.encode)

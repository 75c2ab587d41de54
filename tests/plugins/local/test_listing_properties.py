"""Listings of random trees, compared with a sorted model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labeldock.contract import ListQuery, Purpose, StorageRef
from labeldock_local.options import LocalOperatorOptions, LocalOptions
from labeldock_local.plugin import LocalProvider
from tests.plugins.local.strategies import bounds, key_sets


def build_storage(path):
    return StorageRef(
        id=1,
        provider="local",
        purpose=Purpose.IMPORT,
        options=LocalOptions(path=path),
        operator=LocalOperatorOptions(roots=(path,)),
        fingerprint="x",
    )


def make_tree(folder, keys):
    for key in keys:
        path = Path(folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def list_all(provider, storage, query):
    """Every entry in order of arrival, and the sizes of the pages."""
    entries, sizes, cursor = [], [], None
    while True:
        page = provider.list_objects(storage, ListQuery(**query, cursor=cursor))
        keys = [item.key for item in page.objects]
        entries += sorted([*keys, *page.prefixes], key=order)
        sizes.append(len(keys) + len(page.prefixes))
        assert keys == sorted(keys, key=order)
        assert list(page.prefixes) == sorted(page.prefixes, key=order)
        cursor = page.cursor
        if cursor is None:
            return entries, sizes


def order(key):
    return key.encode("utf-8", "surrogatepass")


def model(keys, prefix, delimiter, after, upto):
    """What a listing has to give."""
    found = [
        key
        for key in keys
        if key.startswith(prefix)
        and (after is None or order(key) > order(after))
        and (upto is None or order(key) <= order(upto))
    ]
    if delimiter:
        found = {fold(key, prefix) for key in found}
    return sorted(found, key=order)


def fold(key, prefix):
    head, slash, _ = key[len(prefix) :].partition("/")
    return prefix + head + slash


@given(data=st.data(), keys=key_sets())
def test_a_listing_equals_the_sorted_model(data, keys):
    provider = LocalProvider()
    with tempfile.TemporaryDirectory() as folder:
        make_tree(folder, keys)

        for _ in range(6):
            query = {
                "prefix": data.draw(st.just("") | bounds(keys)),
                "delimiter": data.draw(st.sampled_from([None, "/"])),
                "after_key": data.draw(st.none() | bounds(keys)),
                "upto_key": data.draw(st.none() | bounds(keys)),
                "limit": data.draw(st.integers(1, 8) | st.just(1000)),
            }
            entries, sizes = list_all(provider, build_storage(folder), query)

            expected = model(
                keys,
                query["prefix"],
                query["delimiter"],
                query["after_key"],
                query["upto_key"],
            )
            assert entries == expected
            assert max(sizes) <= query["limit"]


@given(keys=key_sets(), limit=st.integers(1, 5))
def test_a_listing_goes_on_after_any_key_of_it(keys, limit):
    provider = LocalProvider()
    with tempfile.TemporaryDirectory() as folder:
        make_tree(folder, keys)
        storage, last, found = build_storage(folder), None, []

        while True:
            query = ListQuery(after_key=last, limit=limit)
            page = provider.list_objects(storage, query)
            found += [item.key for item in page.objects]
            if page.cursor is None:
                break
            last = found[-1]

    assert found == sorted(keys, key=order)


@given(first=st.text(), second=st.text())
def test_text_compares_as_its_utf8_bytes_do(first, second):
    assert (first < second) == (first.encode() < second.encode())
    assert (first == second) == (first.encode() == second.encode())

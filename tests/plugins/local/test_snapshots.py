"""The memory of listed names: bounded, expiring, and never outdated."""

from __future__ import annotations

import threading

import pytest

from labeldock.contract import ListQuery
from labeldock_local import snapshots
from labeldock_local.names import SortedNames
from labeldock_local.snapshots import SnapshotCache
from tests.plugins.local.test_listing import watch_folders


class Clock:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self):
        return self.now


def names(size):
    return {b"": SortedNames(low=b"", size=size)}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return SnapshotCache(budget=100, lifetime=10, clock=clock)


def test_names_are_kept_under_their_key(cache):
    kept = names(10)
    cache.save_names(("a",), kept)

    assert cache.get_names(("a",)) is kept
    assert cache.get_names(("b",)) == {}


def test_what_was_not_used_for_longest_goes_first(cache):
    for key in "abc":
        cache.save_names((key,), names(40 if key != "c" else 20))
    cache.get_names(("a",))
    cache.save_names(("d",), names(30))

    assert cache.get_names(("a",))
    assert cache.get_names(("b",)) == {}
    assert cache.size == 90


def test_names_over_the_budget_are_not_kept(cache):
    cache.save_names(("a",), names(10))
    cache.save_names(("a",), names(101))

    assert cache.get_names(("a",)) == {}
    assert cache.size == 0


def test_names_expire_when_they_are_not_used(cache, clock):
    cache.save_names(("a",), names(10))
    cache.save_names(("b",), names(10))
    clock.now = 9
    cache.get_names(("a",))
    clock.now = 11

    assert cache.get_names(("b",)) == {}
    assert cache.get_names(("a",))
    assert cache.size == 10


def test_saving_nothing_forgets(cache):
    cache.save_names(("a",), names(10))
    cache.save_names(("a",), {})

    assert cache.get_names(("a",)) == {}
    assert cache.size == 0


def test_threads_keep_the_count_right(cache):
    def run(number):
        for step in range(200):
            cache.save_names((number, step % 5), names(step % 30 + 1))
            cache.get_names((number, step % 3))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    held = sum(entry.size for entry in cache._entries.values())
    assert cache.size == held <= 100


def test_a_finished_listing_leaves_nothing_behind(put, provider, list_keys):
    for number in range(20):
        put(f"{number}")

    list_keys(limit=3)

    assert provider._snapshots.size == 0


@pytest.fixture
def settled(monkeypatch, put):
    """A folder large enough to remember, which counts as unchanged at once."""
    monkeypatch.setattr(snapshots, "_SETTLED_NS", -1)
    monkeypatch.setattr(snapshots, "_WORTH_KEEPING", 0)
    for number in range(20):
        put(f"{number:02}")


def test_ranges_of_an_unchanged_folder_read_it_once(
    settled, provider, storage, monkeypatch
):
    read = watch_folders(monkeypatch)

    for number in range(5, 20):
        query = ListQuery(after_key=f"{number - 1:02}", upto_key=f"{number:02}")
        (item,) = provider.list_objects(storage, query).objects
        assert item.key == f"{number:02}"

    assert len(read) == 1


def test_a_small_folder_is_not_worth_remembering(put, provider, list_keys, monkeypatch):
    monkeypatch.setattr(snapshots, "_SETTLED_NS", -1)
    put("a")

    list_keys()

    assert provider._snapshots.size == 0


def test_an_earlier_range_reads_the_folder_again(settled, list_keys):
    assert list_keys(after_key="17") == ["18", "19"]
    assert list_keys(upto_key="01") == ["00", "01"]


def test_a_changed_folder_is_read_again(settled, media, put, list_keys):
    before = list_keys(after_key="15")
    (media / "17").unlink()
    put("16b")

    assert before == ["16", "17", "18", "19"]
    assert list_keys(after_key="15") == ["16", "16b", "18", "19"]


def test_a_folder_that_has_just_changed_is_not_remembered(put, list_keys, monkeypatch):
    monkeypatch.setattr(snapshots, "_WORTH_KEEPING", 0)
    put("a")
    read = watch_folders(monkeypatch)

    list_keys()
    list_keys()

    assert len(read) == 2

"""What happens from one page of a listing to the next."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace

import pytest

from labeldock.contract import CursorExpired, ListQuery
from labeldock_local import chains
from labeldock_local.cursors import Cursor, parse_cursor, render_cursor
from labeldock_local.plugin import LocalProvider
from tests.plugins.local.test_listing import watch_folders


@pytest.fixture
def next_page(storage):
    """The page after one, of the same listing."""

    def next_page(provider, page, **query):
        query.setdefault("limit", 2)
        return provider.list_objects(storage, ListQuery(cursor=page.cursor, **query))

    return next_page


@pytest.fixture
def first_page(provider, storage):
    """The first page of two keys."""

    def first_page(**query):
        query.setdefault("limit", 2)
        return provider.list_objects(storage, ListQuery(**query))

    return first_page


def keys_of(page):
    return [item.key for item in page.objects]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1.",
        "1.0123456789abcdef",
        "2.0123456789abcdef.",
        "1.0123456789abcdef.A",
    ],
)
def test_a_foreign_cursor_has_expired(provider, storage, text):
    with pytest.raises(CursorExpired, match="not known"):
        provider.list_objects(storage, ListQuery(cursor=text))


@pytest.mark.parametrize("start", [b"", b"a\0", b"\xff/", "\u00e9".encode()])
def test_a_cursor_survives_being_text(start):
    cursor = Cursor("0123456789abcdef", start)

    assert parse_cursor(render_cursor(cursor)) == cursor


def test_a_forged_cursor_leads_nowhere(provider, storage, put, tmp_path):
    put("a")
    (tmp_path / "allowed" / "secret").touch()

    for start in (b"../", b"../media/", b"/", b"/etc/", b"a/", b"./a", b"\0"):
        cursor = render_cursor(Cursor("0123456789abcdef", start))
        page = provider.list_objects(storage, ListQuery(cursor=cursor))
        assert set(keys_of(page)) <= {"a"}


def test_a_cursor_works_in_another_process(put, first_page, next_page):
    for name in "abcde":
        put(name)

    page = next_page(LocalProvider(), first_page())

    assert keys_of(page) == ["c", "d"]


def test_a_cursor_counts_for_more_than_a_key(put, provider, first_page, next_page):
    for name in "abcde":
        put(name)

    page = next_page(provider, first_page(after_key="a"), after_key="d")

    assert keys_of(page) == ["d", "e"]


def test_a_cursor_can_be_used_twice(put, provider, first_page, next_page):
    for name in "abcdefgh":
        put(f"{name}/{name}")
    page = first_page()

    second = next_page(provider, page)
    next_page(provider, second)

    assert next_page(provider, page).objects == second.objects


def test_a_folder_is_read_once_for_all_pages(put, list_pages, monkeypatch):
    for number in range(50):
        put(f"a/{number:02}")
    read = watch_folders(monkeypatch)

    pages = list_pages(limit=5)

    assert len(pages) == 11
    assert len(read) == 2  # the storage's folder and a/


def test_objects_deleted_between_pages_are_skipped(
    put, media, provider, first_page, next_page
):
    for name in "abcdef":
        put(name)
    page = first_page()
    for name in "abcd":
        (media / name).unlink()

    assert keys_of(next_page(provider, page)) == ["e", "f"]


def test_a_listing_stays_in_order_when_objects_come(
    put, provider, first_page, next_page
):
    for name in ("a", "c", "e"):
        put(name)
    page = first_page()
    for name in ("b", "d", "f"):
        put(name)

    keys = keys_of(page) + keys_of(next_page(provider, page, limit=10))

    assert keys == sorted(set(keys))
    assert {"a", "c", "e"} <= set(keys)


def test_a_new_listing_sees_what_is_there_now(put, media, list_keys, first_page):
    for name in "abcde":
        put(name)
    first_page()
    (media / "a").unlink()
    put("f")

    assert list_keys(limit=2) == ["b", "c", "d", "e", "f"]


def test_a_folder_made_on_the_way_back_is_not_listed_out_of_order(
    put, media, first_page, next_page, provider
):
    put("a/1")
    put("a/2")
    put("a/3")
    put("b")
    page = first_page()
    shutil.rmtree(media / "a")
    fresh = LocalProvider()
    put("a/0")

    assert keys_of(next_page(fresh, page)) == ["b"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_folder_swapped_for_a_file_does_no_harm(
    put, media, provider, first_page, next_page, limit
):
    for key in ("a/1", "a/2", "a/3", "b/1", "c"):
        put(key)
    page = first_page(limit=limit)
    for name in ("a", "b"):
        shutil.rmtree(media / name)
        (media / name).touch()

    keys = keys_of(next_page(provider, page, limit=10))

    assert keys[-1] == "c"
    assert keys == sorted(keys)
    assert min(keys) > page.objects[-1].key


def test_a_file_swapped_for_a_folder_does_no_harm(
    put, media, provider, first_page, next_page
):
    for name in "abcd":
        put(name)
    page = first_page()
    (media / "c").unlink()
    put("c/x")

    keys = keys_of(next_page(provider, page))

    assert keys in (["d"], ["c/x", "d"])


def test_a_file_swapped_for_a_link_is_left_out(
    put, media, provider, first_page, next_page, tmp_path
):
    for name in "abcd":
        put(name)
    page = first_page()
    (media / "c").unlink()
    (tmp_path / "outside").touch()
    (media / "c").symlink_to(tmp_path / "outside")

    assert keys_of(next_page(provider, page)) == ["d"]


def test_a_folder_that_goes_while_it_is_listed_is_left_out(
    put, media, provider, storage, monkeypatch
):
    for key in ("a/1", "b/1", "c/1"):
        put(key)
    scandir = os.scandir

    def remove_next(folder):
        if (media / "b").exists():
            (media / "b" / "1").unlink()
            (media / "b").rmdir()
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", remove_next)

    assert keys_of(provider.list_objects(storage, ListQuery())) == ["a/1", "c/1"]


def test_a_folder_moved_away_while_it_is_listed_is_left(
    put, media, provider, storage, monkeypatch
):
    for key in ("a/b/1", "a/c", "z"):
        put(key)
    monkeypatch.setattr(chains, "_MAX_OPEN", 1)  # so that a/ has to be opened again
    read, scandir = [], os.scandir

    def move_at_third(folder):
        read.append(folder)
        if len(read) == 3:
            (media / "a").rename(media / "y")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", move_at_third)

    assert keys_of(provider.list_objects(storage, ListQuery())) == ["a/b/1", "z"]


def test_threads_can_share_a_cursor(put, provider, storage, first_page):
    for number in range(500):
        put(f"{number % 7}/{number:03}")
    page = first_page(limit=100)
    query = ListQuery(cursor=page.cursor, limit=100)
    found = []

    def run():
        found.extend(provider.list_objects(storage, query).objects for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 40
    assert set(found) == {found[0]}


def test_names_kept_for_one_storage_are_not_used_for_another(
    put, allowed, provider, connect, first_page
):
    for name in "abcde":
        put(name)
    other = allowed / "other"
    other.mkdir()
    (other / "d").touch()
    (other / "x").touch()

    query = ListQuery(cursor=first_page().cursor)
    page = provider.list_objects(connect(other), query)

    assert keys_of(page) == ["d", "x"]
    assert keys_of(
        provider.list_objects(connect(other), replace(query, cursor=None))
    ) == ["d", "x"]

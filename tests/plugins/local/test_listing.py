"""What a listing holds, in which order, and what it leaves out."""

from __future__ import annotations

import os
import resource
from datetime import UTC, datetime

import pytest

from labeldock.contract import (
    AccessDenied,
    ListQuery,
    NotSupported,
    ObjectInfo,
)
from labeldock_local.objects import render_time


def test_empty_folders_give_one_empty_page(list_pages, media):
    (media / "empty" / "deeper").mkdir(parents=True)

    (page,) = list_pages()

    assert page.objects == page.prefixes == page.unreadable == ()


def test_a_folder_sorts_with_its_slash(put, list_keys):
    keys = ["a!/z", "a-b", "a.txt", "a/x", "a0", "b/a"]
    for key in reversed(keys):
        put(key)

    assert list_keys() == keys


def test_keys_are_in_the_order_of_their_bytes(put, list_keys):
    keys = ["Z", "a", "\u00e9", "\uffee", "\U0001f600"]
    for key in reversed(keys):
        put(key)

    assert list_keys() == keys


def test_an_object_is_described(put, provider, storage):
    path = put("a.jpg", b"12345")
    os.utime(path, ns=(0, 1_700_000_000_000_000_000))

    (item,) = provider.list_objects(storage, ListQuery()).objects

    assert type(item) is ObjectInfo
    assert (item.key, item.size) == ("a.jpg", 5)
    assert item.last_modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert item.last_modified.tzinfo is UTC


@pytest.mark.parametrize("seconds", [1e18, -1e18, 1e12, 1e300])
def test_a_time_outside_the_calendar_is_left_out(seconds):
    assert render_time(seconds) is None


def test_the_etag_changes_with_the_content(put, provider, storage):
    etags = set()

    for data in (b"one", b"two", b"three", b""):
        put("a", data)
        etags.add(provider.list_objects(storage, ListQuery()).objects[0].etag)

    assert len(etags) == 4


def test_no_page_is_longer_than_the_limit(put, list_pages):
    for number in range(10):
        put(f"{number % 3}/{number}")

    pages = list_pages(limit=3)

    assert [len(page.objects) for page in pages][:4] == [3, 3, 3, 1]
    assert pages[-1].cursor is None


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("a", ["a-b", "a/x", "a/y/z", "ab"]),
        ("a/", ["a/x", "a/y/z"]),
        ("a/y", ["a/y/z"]),
        ("a/y/", ["a/y/z"]),
        ("ab/", []),
        ("ab", ["ab"]),
        ("abc", []),
        ("c/d/e", []),
    ],
)
def test_a_prefix_is_a_plain_text(put, list_keys, prefix, found):
    for key in ("a-b", "a/x", "a/y/z", "ab", "b"):
        put(key)

    assert list_keys(prefix=prefix) == found


@pytest.mark.parametrize(
    ("prefix", "objects", "prefixes"),
    [
        ("", ["a-b", "b"], ["a/"]),
        ("a", ["a-b"], ["a/"]),
        ("a/", ["a/x"], ["a/y/"]),
        ("a/y", [], ["a/y/"]),
        ("a/y/", ["a/y/z"], []),
    ],
)
def test_a_delimiter_gives_one_level(put, media, list_pages, prefix, objects, prefixes):
    for key in ("a-b", "a/x", "a/y/z", "b"):
        put(key)
    (media / "empty").mkdir()
    (media / "a" / "empty" / "deeper").mkdir(parents=True)

    (page,) = list_pages(prefix=prefix, delimiter="/")

    assert [item.key for item in page.objects] == objects
    assert list(page.prefixes) == prefixes


def test_another_delimiter_is_not_supported(provider, storage):
    with pytest.raises(NotSupported, match="delimiter"):
        provider.list_objects(storage, ListQuery(delimiter="-"))


def test_bounds_are_exclusive_below_and_inclusive_above(put, list_keys):
    for key in ("a", "b/1", "b/2", "c"):
        put(key)

    assert list_keys(after_key="a", upto_key="b/2") == ["b/1", "b/2"]
    assert list_keys(after_key="b/1") == ["b/2", "c"]
    assert list_keys(after_key="b") == ["b/1", "b/2", "c"]
    assert list_keys(upto_key="b") == ["a"]
    assert list_keys(after_key="c") == []


def test_temporary_files_of_writes_are_left_out(put, list_pages, list_keys):
    put(".labeldock-0123456789abcdef.tmp")
    put("a/.labeldock-0123456789abcdef.tmp")
    put(".labeldock-0123456789abcdef.tmp.jpg")

    assert list_keys() == [".labeldock-0123456789abcdef.tmp.jpg"]
    assert list_pages(delimiter="/")[0].prefixes == ()


def test_names_that_are_not_utf8_are_reported(put, list_pages):
    put(b"a\xff.jpg")
    put(b"b/\xfe")
    put(b"c\xfd/x")
    put("d")

    (page,) = list_pages()

    assert [item.key for item in page.objects] == ["d"]
    assert [item.name for item in page.unreadable] == ["a%FF.jpg", "b/%FE", "c%FD/"]
    assert {item.reason for item in page.unreadable} == {"Its name is not valid UTF-8."}


def test_names_that_are_not_utf8_are_reported_once_over_all_pages(put, list_pages):
    for byte in range(0x80, 0x90):
        put(bytes([byte]))
        put(bytes([ord("a") + byte % 16, byte]))
        put(bytes([ord("a") + byte % 16]) + b"-fine")

    pages = list_pages(limit=3)

    names = [item.name for page in pages for item in page.unreadable]
    assert len(names) == len(set(names)) == 32
    assert sum(len(page.objects) for page in pages) == 16
    assert all(len(page.objects) + len(page.unreadable) <= 3 for page in pages)


def test_a_folder_that_is_not_utf8_is_reported_with_a_delimiter_too(put, list_pages):
    put(b"c\xfd/x")
    put("d/\u00e9")

    (page,) = list_pages(delimiter="/")

    assert [item.name for item in page.unreadable] == ["c%FD/"]
    assert page.prefixes == ("d/",)


def test_keys_that_are_too_long_are_reported(media, list_pages, put):
    # Deeper than the system takes a path, so step by step.
    put("a")
    here = os.open(media, os.O_RDONLY)
    for _ in range(16):
        os.mkdir("x" * 255, dir_fd=here)
        here, above = os.open("x" * 255, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("long", os.O_CREAT, dir_fd=here))
    os.mkdir("folder", dir_fd=here)
    os.close(here)

    (page,) = list_pages()

    assert [item.key for item in page.objects] == ["a"]
    (unreadable,) = page.unreadable
    assert unreadable.reason == "Its key would be longer than 4096 bytes."


def test_a_file_whose_key_is_too_long_is_reported(media, list_pages):
    here = os.open(media, os.O_RDONLY)
    for _ in range(15):
        os.mkdir("x" * 255, dir_fd=here)
        here, above = os.open("x" * 255, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.mkdir("y" * 250, dir_fd=here)
    for name in ("12345", "123456", "a", "z" * 9):
        os.close(os.open(f"{'y' * 250}/{name}", os.O_CREAT, dir_fd=here))
    os.close(here)

    pages = list_pages(limit=1)

    found = [item.key.rpartition("/")[2] for page in pages for item in page.objects]
    reported = [
        item.name.rpartition("/")[2] for page in pages for item in page.unreadable
    ]
    assert found == ["12345", "a"]
    assert reported == ["123456", "z" * 9]


def test_a_very_deep_tree_is_listed_with_few_open_files(put, list_keys, descriptors):
    parts = ["d"] * 300
    keys = sorted("/".join([*parts[:depth], "e"]) for depth in range(0, 300, 7))
    for key in keys:
        put(key)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 60, hard))

    try:
        found = list_keys(), list_keys(limit=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert found == (keys, keys)


def test_a_folder_that_may_not_be_entered_is_reported(unprivileged, connect, provider):
    (unprivileged / "locked").mkdir()
    (unprivileged / "z").touch()
    (unprivileged / "locked").chmod(0)
    storage = connect(unprivileged, roots=(unprivileged,))

    for delimiter in (None, "/"):
        page = provider.list_objects(storage, ListQuery(delimiter=delimiter))
        assert [item.key for item in page.objects] == ["z"]
        assert page.unreadable == (("locked/", "Permission denied."),)
    (unprivileged / "locked").chmod(0o700)


@pytest.mark.parametrize("prefix", ["", "locked/", "locked/a"])
def test_a_listing_that_may_not_begin_is_refused(
    unprivileged, connect, provider, prefix
):
    folder = unprivileged / "media"
    locked = folder / "locked" if prefix else folder
    locked.mkdir(parents=True)
    locked.chmod(0)
    storage = connect(folder, roots=(unprivileged,))

    with pytest.raises(AccessDenied, match="permission denied") as caught:
        provider.list_objects(storage, ListQuery(prefix=prefix))

    assert caught.value.field == "path"
    locked.chmod(0o700)


def test_files_that_may_not_be_looked_at_are_reported(unprivileged, connect, provider):
    (unprivileged / "half").mkdir()
    (unprivileged / "half" / "a").touch()
    (unprivileged / "half").chmod(0o400)
    storage = connect(unprivileged, roots=(unprivileged,))

    page = provider.list_objects(storage, ListQuery())

    assert page.objects == ()
    assert page.unreadable == (("half/a", "Permission denied."),)
    (unprivileged / "half").chmod(0o700)


def test_a_folder_on_the_way_need_not_be_readable(unprivileged, connect, provider):
    folder = unprivileged / "way" / "media"
    folder.mkdir(parents=True)
    (folder / "a").touch()
    folder.parent.chmod(0o100)

    page = provider.list_objects(connect(folder, roots=(unprivileged,)), ListQuery())

    assert [item.key for item in page.objects] == ["a"]
    folder.parent.chmod(0o700)


def test_only_folders_that_can_hold_the_prefix_are_read(put, list_keys, monkeypatch):
    for number in range(20):
        put(f"a/{number:02}/x/file")
    read = watch_folders(monkeypatch)

    assert list_keys(prefix="a/07/x/fi") == ["a/07/x/file"]
    assert len(read) == 1


def test_folders_before_the_first_key_are_not_read(put, list_keys, monkeypatch):
    for number in range(20):
        put(f"{number:02}/file")
    read = watch_folders(monkeypatch)

    assert list_keys(after_key="17/file") == ["18/file", "19/file"]
    assert len(read) == 4  # 17, the storage's, 18 and 19


def test_folders_after_the_last_key_are_not_read(put, list_keys, monkeypatch):
    for number in range(20):
        put(f"{number:02}/file")
    read = watch_folders(monkeypatch)

    assert list_keys(upto_key="01/file") == ["00/file", "01/file"]
    assert len(read) == 3


def watch_folders(monkeypatch):
    """Note each time that a folder is read."""
    read, scandir = [], os.scandir

    def watched(folder):
        read.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", watched)
    return read

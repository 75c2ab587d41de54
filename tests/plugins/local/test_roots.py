"""Only what lies below the operator's roots can be reached."""

from __future__ import annotations

import ctypes
import os
import threading

import pytest

from labeldock.contract import (
    AccessDenied,
    BytesContent,
    ContainerNotFound,
    ContractViolation,
    DeleteRequest,
    InvalidKey,
    ListQuery,
    ObjectNotFound,
    OperatorOptions,
    Purpose,
    ReadRequest,
    StorageRef,
    WriteRequest,
)
from labeldock_local.options import LocalOptions

OPERATIONS = {
    "list_objects": ListQuery(),
    "get_data": ReadRequest("a"),
    "save_annotation": WriteRequest("a", BytesContent(b"x"), "text/plain"),
    "delete_annotation": DeleteRequest("a"),
}


@pytest.fixture(params=sorted(OPERATIONS))
def attempt(request, provider):
    """Each operation, on a given storage."""

    def attempt(storage):
        operation = getattr(provider, request.param)
        return operation(storage, OPERATIONS[request.param])

    return attempt


def test_nothing_is_served_without_roots(attempt, connect, media):
    with pytest.raises(AccessDenied, match="none is allowed") as caught:
        attempt(connect(media, roots=()))

    assert caught.value.field == "path"
    assert "LABELDOCK_LOCAL_ROOTS" in caught.value.remedy


@pytest.mark.parametrize("path", ["", "..", "../other", "../allowed-not"])
def test_a_folder_outside_the_roots_is_refused(attempt, connect, allowed, media, path):
    allowed.with_name("allowed-not").mkdir()
    storage = connect(f"{allowed}/{path}", roots=(media,))

    with pytest.raises(AccessDenied, match="outside the folders") as caught:
        attempt(storage)

    assert caught.value.field == "path"
    assert "LABELDOCK_LOCAL_ROOTS" in caught.value.remedy


def test_a_missing_folder_outside_is_refused_like_one_that_exists(attempt, connect):
    with pytest.raises(AccessDenied, match="outside the folders"):
        attempt(connect("/no/such/folder"))


def test_a_link_to_a_folder_outside_is_refused(attempt, connect, allowed, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (allowed / "link").symlink_to(outside)

    with pytest.raises(AccessDenied, match="outside the folders"):
        attempt(connect(allowed / "link"))


def test_a_missing_folder_below_a_root_is_named(attempt, connect, allowed):
    with pytest.raises(ContainerNotFound, match="no such folder") as caught:
        attempt(connect(allowed / "missing"))

    assert caught.value.field == "path"
    assert str(allowed / "missing") in caught.value.message


def test_a_file_in_place_of_the_folder_is_named(attempt, connect, allowed):
    (allowed / "file").touch()

    with pytest.raises(ContainerNotFound, match="not a folder"):
        attempt(connect(allowed / "file"))


def test_links_that_go_in_a_circle_are_no_folder(attempt, connect, allowed):
    (allowed / "one").symlink_to(allowed / "two")
    (allowed / "two").symlink_to(allowed / "one")

    with pytest.raises(ContainerNotFound, match="not a folder"):
        attempt(connect(allowed / "one"))


def test_operator_settings_of_another_provider_are_refused(attempt, media):
    storage = StorageRef(
        id=1,
        provider="local",
        purpose=Purpose.IMPORT,
        options=LocalOptions(path=str(media)),
        operator=OperatorOptions(),
        fingerprint="x",
    )

    with pytest.raises(ContractViolation, match="LocalOperatorOptions"):
        attempt(storage)


def test_a_root_itself_can_be_connected(provider, connect, allowed):
    (allowed / "a.txt").touch()

    page = provider.list_objects(connect(allowed), ListQuery())

    assert [item.key for item in page.objects] == ["a.txt"]


def test_the_whole_machine_can_be_allowed(provider, connect, media, put):
    put("a.txt")

    page = provider.list_objects(connect(media, roots=("/",)), ListQuery())

    assert [item.key for item in page.objects] == ["a.txt"]


def test_the_second_of_two_roots_counts_too(provider, connect, media, put, tmp_path):
    put("a.txt")

    page = provider.list_objects(
        connect(media, roots=(tmp_path / "x", media)), ListQuery()
    )

    assert [item.key for item in page.objects] == ["a.txt"]


def test_a_link_within_the_roots_is_followed_for_the_folder(
    provider, connect, allowed, media, put
):
    put("a.txt")
    (allowed / "link").symlink_to(media)

    page = provider.list_objects(connect(allowed / "link"), ListQuery())

    assert [item.key for item in page.objects] == ["a.txt"]


@pytest.fixture
def outside(tmp_path):
    """A folder beside the allowed one, with a secret in it."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_bytes(b"secret!")
    return path


def test_links_in_the_storage_are_neither_listed_nor_read(
    media, outside, put, list_keys, load
):
    put("a")
    (media / "folder").symlink_to(outside)
    (media / "file").symlink_to(outside / "secret")
    (media / "inner").symlink_to(media / "a")

    assert list_keys() == ["a"]
    assert list_keys(prefix="folder/") == []
    assert list_keys(delimiter="/") == ["a"]
    for key in ("folder/secret", "file", "inner"):
        with pytest.raises(ObjectNotFound, match="no such file"):
            load(key)


def test_nothing_is_written_through_links(media, outside, save):
    (media / "folder").symlink_to(outside)
    (media / "file").symlink_to(outside / "secret")

    for key in ("folder/new", "folder/secret", "file", "folder/deep/new"):
        with pytest.raises(InvalidKey, match=r"link|not a folder"):
            save(key)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret!"


def test_nothing_is_deleted_through_links(media, outside, provider, storage):
    (media / "folder").symlink_to(outside)
    (media / "file").symlink_to(outside / "secret")

    for key in ("folder/secret", "file"):
        deletion = provider.delete_annotation(storage, DeleteRequest(key))
        assert not deletion.existed
    assert (outside / "secret").exists()
    assert (media / "file").is_symlink()


def test_a_folder_swapped_for_a_link_leads_nowhere(
    media, outside, put, provider, storage, load, save
):
    put("folder/secret", b"harmless")
    (media / "link").symlink_to(outside)
    stop = threading.Event()
    swapping = threading.Thread(target=swap, args=(media, stop))
    swapping.start()
    seen = set()

    try:
        for _ in range(300):
            seen.add(attempt_all(provider, storage, load, save))
    finally:
        stop.set()
        swapping.join()

    assert seen <= {b"harmless", b"new", None}
    assert (outside / "secret").read_bytes() == b"secret!"


def swap(media, stop):
    """Exchange the folder and the link in one step, over and over."""
    here, exchange = -100, 2
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    names = [os.fsencode(media / name) for name in ("folder", "link")]
    while not stop.is_set():
        assert rename(here, names[0], here, names[1], exchange) == 0


def attempt_all(provider, storage, load, save):
    page = provider.list_objects(storage, ListQuery())
    assert all(item.key.endswith("/secret") for item in page.objects)
    assert all(item.size != len(b"secret!") for item in page.objects)
    try:
        save("folder/secret", b"new")
        return load("folder/secret")
    except (InvalidKey, ObjectNotFound):
        return None

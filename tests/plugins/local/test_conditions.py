"""Conditions of writes and deletions, alone and among many writers."""

from __future__ import annotations

import threading

import pytest

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    BytesContent,
    Condition,
    DeleteRequest,
    PreconditionFailed,
    WriteRequest,
    matches,
)
from tests.plugins.local.processes import start_python


@pytest.fixture
def delete(provider, storage):
    """Delete an object; whether it existed."""

    def delete(key, condition=None):
        request = DeleteRequest(key, condition or Condition())
        return provider.delete_annotation(storage, request).existed

    return delete


def test_absent_writes_only_where_nothing_is(save, load):
    save("a", b"first", ABSENT)

    with pytest.raises(PreconditionFailed, match="exists already") as caught:
        save("a", b"second", ABSENT)

    assert caught.value.key == "a"
    assert load("a") == b"first"


def test_a_matching_etag_writes(save, load):
    etag = save("a", b"old")

    save("a", b"new", matches(etag))

    assert load("a") == b"new"


def test_save_refuses_a_stale_etag(save, load):
    stale = save("a", b"old")
    save("a", b"new")

    with pytest.raises(PreconditionFailed, match="ETag is another"):
        save("a", b"newest", matches(stale))

    assert load("a") == b"new"


@pytest.mark.parametrize("key", ["a", "new/folder/a"])
def test_save_with_an_etag_refuses_a_missing_object(save, media, key):
    with pytest.raises(PreconditionFailed, match="does not exist"):
        save(key, b"data", matches("x"))

    assert list(media.iterdir()) == []


def test_a_condition_is_looked_at_before_the_content(save, media):
    class Content:
        size = 1

        def open(self):
            raise AssertionError("not to be opened")

    save("a")

    for condition in (ABSENT, matches("x")):
        with pytest.raises(PreconditionFailed, match="a"):
            save("a", Content(), condition)


def test_an_object_made_again_has_another_etag(save, delete):
    etags = []

    for _ in range(20):
        etags.append(save("a", b"same"))
        delete("a")

    assert len(set(etags)) == 20


def test_delete_says_whether_there_was_an_object(save, delete):
    save("a")

    assert delete("a")
    assert not delete("a")
    assert not delete("never/there")


def test_delete_refuses_a_stale_etag(save, load, delete):
    stale = save("a", b"old")
    etag = save("a", b"new")

    with pytest.raises(PreconditionFailed, match="ETag is another") as caught:
        delete("a", matches(stale))

    assert caught.value.key == "a"
    assert load("a") == b"new"
    assert delete("a", matches(etag))
    assert not delete("a", matches(etag))


def test_delete_never_takes_a_folder(media, delete, save, put):
    (media / "empty").mkdir()
    put("folder/a")
    put("file")

    assert not delete("empty")
    assert not delete("folder")
    assert not delete("file/below")
    assert delete("folder/a")
    assert (media / "folder").is_dir()
    assert (media / "empty").is_dir()


def test_delete_touches_no_other_key(put, delete, list_keys):
    for key in ("a", "a.json", "ab", "b/a"):
        put(key)

    delete("a")

    assert list_keys() == ["a.json", "ab", "b/a"]


def test_delete_without_permission_is_denied(unprivileged, connect, provider):
    (unprivileged / "a").touch()
    unprivileged.chmod(0o500)
    storage = connect(unprivileged, roots=(unprivileged,))

    with pytest.raises(AccessDenied, match="Could not delete 'a'"):
        provider.delete_annotation(storage, DeleteRequest("a"))
    unprivileged.chmod(0o700)


def test_of_many_writers_of_a_new_object_one_wins(provider, storage, load, media):
    barrier = threading.Barrier(8)
    won = []

    def run(number):
        content = BytesContent(bytes([number]) * 100_000)
        barrier.wait()
        try:
            provider.save_annotation(
                storage, WriteRequest("a/b", content, "x/y", ABSENT)
            )
            won.append(number)
        except PreconditionFailed:
            return

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = won
    assert load("a/b") == bytes([winner]) * 100_000
    assert [path.name for path in (media / "a").iterdir()] == ["b"]


COUNT_UP = """
def add_one():
    body = provider.get_data(storage, ReadRequest("count"))
    number = int(body.reader.read(-1)) + 1
    body.reader.close()
    save("count", str(number).encode(), matches(body.info.etag))

for _ in range(25):
    while True:
        try:
            add_one()
            break
        except PreconditionFailed:
            continue
"""


def test_no_update_is_lost_among_processes(save, load, media):
    save("count", b"0")

    workers = [start_python(COUNT_UP, media) for _ in range(3)]
    outputs = [worker.communicate(timeout=60) for worker in workers]

    assert outputs == [("", "")] * 3
    assert load("count") == b"75"
    assert [path.name for path in media.iterdir()] == ["count"]

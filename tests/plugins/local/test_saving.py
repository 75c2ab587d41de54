"""Writing objects: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    BytesContent,
    FileContent,
    IntegrityError,
    InvalidKey,
    NotSupported,
    ObjectNotFound,
    OperationTimeout,
    PreconditionFailed,
    PresignRequest,
    ReadRequest,
    TooLarge,
    Unavailable,
    WriteRequest,
    matches,
)
from labeldock_local import durability, temporary
from labeldock_local.plugin import provider as the_provider
from tests.plugins.local.processes import run_python


class Content:
    """Content that says one size and has another, or breaks."""

    def __init__(self, size, data, error=None):
        self.size = size
        self._data = data
        self._error = error

    def open(self):
        if self._error is not None:
            raise self._error
        return io.BytesIO(self._data)


def list_files(folder):
    """Every file and folder below, temporary ones included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_saved_object_can_be_read(save, load, media):
    etag = save("a/b/c.json", b"data")

    assert load("a/b/c.json", if_match=etag) == b"data"
    assert list_files(media) == ["a", "a/b", "a/b/c.json"]


def test_saving_again_replaces_the_object(save, load, media):
    first = save("a", b"old")
    second = save("a", b"new")

    assert load("a") == b"new"
    assert first != second
    assert list_files(media) == ["a"]


def test_a_large_file_is_copied_in_blocks(save, load, tmp_path, monkeypatch):
    data = os.urandom(3_500_000)
    (tmp_path / "large").write_bytes(data)
    written, write = [], os.write

    def watched(descriptor, block):
        written.append(len(block))
        return write(descriptor, block)

    monkeypatch.setattr(os, "write", watched)

    save("large", FileContent(tmp_path / "large"))

    assert load("large") == data
    assert max(written) == 1024 * 1024


def test_a_write_that_the_system_cuts_short_goes_on(save, load, monkeypatch):
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, block: write(file, block[:7]))
        save("a", b"0123456789" * 10)

    assert load("a") == b"0123456789" * 10


def test_new_files_and_folders_follow_the_umask(save, media):
    before = os.umask(0o027)
    try:
        save("folder/file")
    finally:
        os.umask(before)

    assert (media / "folder").stat().st_mode & 0o777 == 0o750
    assert (media / "folder" / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("key", ["a", "new/folder/a"])
def test_content_of_another_size_leaves_nothing_behind(save, media, size, key):
    with pytest.raises(IntegrityError, match="another size") as caught:
        save(key, Content(size, b"data"))

    assert caught.value.key == key
    assert list_files(media) == []


def test_content_of_another_size_leaves_the_old_object(save, load, media):
    save("a", b"old")

    with pytest.raises(IntegrityError, match="another size"):
        save("a", Content(10**9, b"new"))

    assert load("a") == b"old"
    assert list_files(media) == ["a"]


def test_content_that_cannot_be_read_is_not_the_storages_fault(save, media, tmp_path):
    for content in (
        FileContent(tmp_path / "missing"),
        Content(1, b"", PermissionError(errno.EACCES, "no")),
    ):
        with pytest.raises(IntegrityError, match="could not be read"):
            save("a", content)

    assert list_files(media) == []


def test_an_error_of_another_storage_passes_through(save, media):
    with pytest.raises(ObjectNotFound, match="elsewhere"):
        save("a", Content(1, b"", ObjectNotFound("gone elsewhere")))

    assert list_files(media) == []


@pytest.mark.parametrize("key", ["folder", "folder/deeper"])
def test_a_key_that_is_a_folder_is_refused(save, put, media, key):
    put("folder/deeper/file")

    for condition in (ABSENT, matches("x")):
        with pytest.raises(InvalidKey, match="has this name") as caught:
            save(key, condition=condition)
        assert caught.value.key == key
    with pytest.raises(InvalidKey, match="has this name"):
        save(key)
    assert list_files(media) == ["folder", "folder/deeper", "folder/deeper/file"]


@pytest.mark.parametrize("key", ["file/below", "file/far/below"])
def test_a_key_below_a_file_is_refused(save, put, media, key):
    put("file", b"data")

    with pytest.raises(InvalidKey, match="not a folder"):
        save(key)

    assert list_files(media) == ["file"]


def test_a_folder_without_permission_is_denied(unprivileged, connect, provider):
    unprivileged.chmod(0o500)
    storage = connect(unprivileged, roots=(unprivileged,))
    request = WriteRequest("a", BytesContent(b"x"), "text/plain")

    with pytest.raises(AccessDenied, match="permission denied") as caught:
        provider.save_annotation(storage, request)

    assert caught.value.remedy
    unprivileged.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, Unavailable, "disk is full"),
        (errno.EDQUOT, Unavailable, "quota"),
        (errno.EIO, Unavailable, "reports an error"),
        (errno.EFBIG, TooLarge, "of this size"),
        (errno.EROFS, AccessDenied, "read-only"),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_failing_disk_leaves_the_old_object(
    save, load, media, monkeypatch, call, number, kind, message
):
    save("a", b"old")

    def fail(*args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=message) as caught:
            save("a", b"new")

    assert caught.value.key == "a"
    assert caught.value.__cause__.errno == number
    assert load("a") == b"old"
    assert list_files(media) == ["a"]


def test_a_full_disk_says_what_to_do(save, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(Unavailable, match="disk is full") as caught:
            save("a")

    assert caught.value.retryable
    assert "space" in caught.value.remedy


def test_a_file_over_the_systems_limit_is_too_large(media):
    code, output = run_python(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            save("a", b"x" * 2000)
        except TooLarge as error:
            print(error)
        """,
        media,
    )

    assert code == 0, output
    assert "of this size" in output
    assert list_files(media) == []


def test_a_process_killed_while_writing_leaves_the_old_object(
    media, save, load, list_keys
):
    save("a", b"old")

    code, output = run_python(
        """
        class Deadly(io.BytesIO):
            def read(self, size):
                if self.tell():
                    os.kill(os.getpid(), 9)
                return super().read(100)

        class Content:
            size = 1000
            open = lambda self: Deadly(b"new" * 1000)

        save("a", Content())
        """,
        media,
    )

    assert code == -9, output
    assert len(list_files(media)) == 2  # the old object and the temporary file
    assert load("a") == b"old"
    assert list_keys() == ["a"]
    save("a", b"new")
    assert load("a") == b"new"


def test_everything_is_on_the_disk_before_it_is_reported(save, media, monkeypatch):
    synced, fsync = [], os.fsync

    def watched(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)

    save("new/deeper/a")

    names = [str(path.relative_to(media)) for path in synced]
    assert names[0].startswith(".labeldock-")
    assert names[1:] == [".", "new", "new/deeper"]


def test_a_file_system_that_cannot_sync_folders_will_do(save, load, monkeypatch):
    fsync = os.fsync

    def refuse_folders(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)

    save("new/a", b"data")

    assert load("new/a") == b"data"


def test_a_file_system_without_links_will_do(save, load, media, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)

    save("a", b"data", ABSENT)

    assert load("a") == b"data"
    assert list_files(media) == ["a"]
    with pytest.raises(PreconditionFailed, match="exists already"):
        save("a", b"other", ABSENT)


def test_a_folder_that_cannot_be_synced_may_have_the_object(save, load, monkeypatch):
    fsync = os.fsync

    def fail_on_folders(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_on_folders)
        with pytest.raises(Unavailable, match="reports an error"):
            save("a", b"data")

    assert load("a") == b"data"


def test_a_file_made_by_others_at_the_last_moment_stays(save, load, put, monkeypatch):
    link = os.link

    def make_first(*args, **options):
        put("a", b"theirs")
        link(*args, **options)

    monkeypatch.setattr(os, "link", make_first)

    with pytest.raises(PreconditionFailed, match="exists already"):
        save("a", b"ours", ABSENT)
    assert load("a") == b"theirs"


def test_a_link_that_fails_for_another_reason_is_an_error(save, media, monkeypatch):
    def fail(*args, **options):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", fail)

    with pytest.raises(Unavailable, match="reports an error"):
        save("a", b"data", ABSENT)
    assert list_files(media) == []


def test_a_file_system_that_cannot_lock_folders_gets_a_lock_file(
    save, load, list_keys, monkeypatch
):
    flock = durability.fcntl.flock

    def refuse_folders(descriptor, operation):
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, operation)

    monkeypatch.setattr(durability.fcntl, "flock", refuse_folders)

    etag = save("a", b"old")
    save("a", b"new", matches(etag))

    assert load("a") == b"new"
    assert list_keys() == ["a"]


def test_a_lock_that_fails_otherwise_is_an_error(save, media, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(durability.fcntl, "flock", fail)

    with pytest.raises(Unavailable, match="busy"):
        save("a")
    assert list_files(media) == []


def test_a_folder_that_stays_locked_is_given_up(save, media, monkeypatch):
    monkeypatch.setattr(durability, "_PATIENCE", 0.05)
    holder = os.open(media, os.O_RDONLY)
    durability.fcntl.flock(holder, durability.fcntl.LOCK_EX)

    with pytest.raises(OperationTimeout, match="locked"):
        save("a")

    os.close(holder)
    assert list_files(media) == []
    assert save("a")


def test_a_clock_that_goes_backwards_still_changes_the_etag(save, put, monkeypatch):
    future = 4_000_000_000_000_000_000
    os.utime(put("a", b"old"), ns=(future, future))
    monkeypatch.setattr(temporary.time, "time_ns", lambda: 1_000_000_000)

    etags = [save("a", b"one"), save("a", b"two"), save("a", b"one")]

    times = [int(etag.partition("-")[0], 16) for etag in etags]
    assert times == sorted(set(times))
    assert times[0] > future


def test_a_folder_removed_meanwhile_can_be_tried_again(save, media, monkeypatch):
    (media / "folder").mkdir()
    utime = os.utime

    def remove_folder(descriptor, **options):
        for path in (media / "folder").iterdir():
            path.unlink()
        (media / "folder").rmdir()
        utime(descriptor, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", remove_folder)
        with pytest.raises(Unavailable, match="removed meanwhile"):
            save("folder/a")

    assert save("folder/a")


def test_presigning_is_not_supported(provider, storage):
    with pytest.raises(NotSupported, match="no URLs"):
        provider.presign(storage, PresignRequest("a", ttl=None))


def test_the_entry_point_leads_to_a_provider(storage, put):
    put("a", b"data")

    body = the_provider.get_data(storage, ReadRequest("a"))

    assert body.reader.read(10) == b"data"
    body.reader.close()

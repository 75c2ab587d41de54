"""FIFOs, sockets and devices are no objects, and nothing blocks on them."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from labeldock.contract import DeleteRequest, InvalidKey, ObjectNotFound
from labeldock_local import folders


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        # A socket's path has at most 108 bytes, so it is given from within.
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            server.bind(path.name)
        finally:
            os.chdir(before)


def make_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


@pytest.fixture(params=[make_fifo, make_socket, make_device])
def special(request, media):
    """A special file in the storage's folder, named "special"."""
    request.param(media / "special")
    return media / "special"


def test_a_special_file_is_not_listed(special, put, list_pages):
    put("a")
    put("z")

    (page,) = list_pages()

    assert [item.key for item in page.objects] == ["a", "z"]
    assert page.unreadable == ()


def test_a_special_file_is_not_read(special, load):
    with pytest.raises(ObjectNotFound, match="no such file"):
        load("special")
    with pytest.raises(ObjectNotFound, match="no such file"):
        load("special", metadata_only=True)


def test_a_special_file_is_not_written_to(special, save):
    with pytest.raises(InvalidKey, match="special file has this name"):
        save("special")


def test_a_special_file_is_not_deleted(special, provider, storage):
    deletion = provider.delete_annotation(storage, DeleteRequest("special"))

    assert not deletion.existed
    assert os.path.lexists(special)


def test_a_special_file_is_no_folder(special, load, save, list_keys):
    assert list_keys(prefix="special/") == []
    with pytest.raises(ObjectNotFound, match="no such file"):
        load("special/a")
    with pytest.raises(InvalidKey, match="not a folder"):
        save("special/a")


def test_a_fifo_swapped_in_after_the_look_does_not_block(media, load, monkeypatch):
    os.mkfifo(media / "pipe")
    monkeypatch.setattr(folders, "find_file", lambda folder, name: None)

    with pytest.raises(ObjectNotFound, match="no such file"):
        load("pipe")


def test_a_link_swapped_in_after_the_look_is_not_followed(
    media, tmp_path, load, monkeypatch
):
    (tmp_path / "secret").write_bytes(b"secret")
    (media / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(folders, "find_file", lambda folder, name: None)

    with pytest.raises(ObjectNotFound, match="no such file"):
        load("link")

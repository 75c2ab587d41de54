"""Folders on disk, storages that point at them, and a watch over descriptors."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from labeldock.contract import (
    ALWAYS,
    BytesContent,
    ListQuery,
    Purpose,
    ReadRequest,
    StorageRef,
    WriteRequest,
)
from labeldock_local.options import LocalOperatorOptions, LocalOptions
from labeldock_local.plugin import LocalProvider

NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_descriptor_leaks():
    """Whatever a test does, no more files are open after it than before.

    Fewer may be: other tests of this process leave some to the garbage collector.
    """
    gc.collect()
    gc.freeze()  # what other tests of this process have left is not looked at again
    before = count_descriptors()

    yield

    assert count_descriptors() <= before


def count_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def descriptors():
    """How many files this process has open."""
    return count_descriptors


@pytest.fixture
def provider():
    return LocalProvider()


@pytest.fixture
def allowed(tmp_path):
    """The folder that the operator allows."""
    path = tmp_path / "allowed"
    path.mkdir()
    return path


@pytest.fixture
def media(allowed):
    """The storage's folder."""
    path = allowed / "media"
    path.mkdir()
    return path


@pytest.fixture
def connect(allowed):
    """Build a storage for a path."""

    def connect(path, purpose=Purpose.IMPORT, roots=None):
        roots = (str(allowed),) if roots is None else tuple(map(str, roots))
        return StorageRef(
            id=1,
            provider="local",
            purpose=purpose,
            options=LocalOptions(path=str(path)),
            operator=LocalOperatorOptions(roots=roots),
            fingerprint="x",
        )

    return connect


@pytest.fixture
def storage(connect, media):
    return connect(media)


@pytest.fixture
def put(media):
    """Put a file into the storage's folder behind the provider's back."""

    def put(key, data=b""):
        path = media / os.fsdecode(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put


@pytest.fixture
def list_pages(provider, storage):
    """All pages of a listing."""

    def list_pages(**query):
        pages = [provider.list_objects(storage, ListQuery(**query))]
        while pages[-1].cursor is not None:
            query["cursor"] = pages[-1].cursor
            pages.append(provider.list_objects(storage, ListQuery(**query)))
        return pages

    return list_pages


@pytest.fixture
def list_keys(list_pages):
    """The keys of a whole listing."""

    def list_keys(**query):
        return [item.key for page in list_pages(**query) for item in page.objects]

    return list_keys


@pytest.fixture
def save(provider, storage):
    """Save an object; returns its ETag."""

    def save(key, data=b"data", condition=ALWAYS):
        content = data if hasattr(data, "open") else BytesContent(data)
        request = WriteRequest(key, content, "application/json", condition)
        return provider.save_annotation(storage, request).etag

    return save


@pytest.fixture
def load(provider, storage):
    """Read a whole object."""

    def load(key, **request):
        body = provider.get_data(storage, ReadRequest(key, **request))
        try:
            return body.reader.read(-1)
        finally:
            body.reader.close()

    return load


@pytest.fixture
def unprivileged(allowed):
    """A folder of an ordinary user, as whom the test runs: root may do anything."""
    path = Path(tempfile.mkdtemp()).resolve()
    user = os.geteuid()
    if user == 0:
        os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield path
    finally:
        os.seteuid(user)
        shutil.rmtree(path)

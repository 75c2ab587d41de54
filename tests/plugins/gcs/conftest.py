"""The fake of Google Cloud Storage, buckets in it, and storages that point at them."""

from __future__ import annotations

import json
import os
import secrets

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
from labeldock_gcs.options import GcsOperatorOptions, GcsOptions
from labeldock_gcs.plugin import GcsProvider
from tests.servers.gcs import run_gcs

LIVE = "LABELDOCK_TEST_GCS_BUCKET"

if LIVE in os.environ:

    @pytest.fixture(scope="session", autouse=True)
    def _loopback_only():
        """Lets these tests reach the bucket that was named for them."""


@pytest.fixture(scope="session")
def gcs_server():
    """A fake of this test process, started when the first test asks for it."""
    with run_gcs() as server:
        yield server


@pytest.fixture
def server(gcs_server):
    """The fake, without faults, and with nothing in its record."""
    gcs_server.faults.clear()
    gcs_server.requests.clear()
    gcs_server.uploads.sessions.clear()
    gcs_server.uploads.keep_next.clear()
    yield gcs_server
    gcs_server.faults.clear()


@pytest.fixture
def bucket(server):
    """An empty bucket."""
    name = f"bucket-{secrets.token_hex(6)}"
    yield server.create_bucket(name)
    server.remove_bucket(name)


@pytest.fixture
def provider():
    return GcsProvider()


@pytest.fixture
def connect(server, bucket):
    """Build a storage for the bucket; other settings by keyword."""

    def connect(purpose=Purpose.IMPORT, operator=None, **settings):
        settings = {
            "bucket": bucket.name,
            "google_application_credentials": server.build_document(),
            "gcs_endpoint": server.url,
            **settings,
        }
        limits = {"token_hosts": ("127.0.0.1",), "read_timeout": 2.0}
        operator = GcsOperatorOptions(**(limits | (operator or {})))
        options = GcsOptions(**settings)
        print_of_all = json.dumps(
            [settings, purpose, operator.model_dump()], sort_keys=True
        )
        return StorageRef(1, "gcs", purpose, options, operator, print_of_all)

    return connect


@pytest.fixture
def storage(connect):
    return connect()


@pytest.fixture
def save(provider, storage):
    """Save an object; returns what the provider says of it."""

    def save(key, data=b"data", condition=ALWAYS, content_type="text/plain"):
        content = data if hasattr(data, "open") else BytesContent(data)
        request = WriteRequest(key, content, content_type, condition)
        return provider.save_annotation(storage, request)

    return save


@pytest.fixture
def load(provider, storage):
    """Read an object, block by block."""

    def load(key, block=64 * 1024, **request):
        body = provider.get_data(storage, ReadRequest(key, **request))
        try:
            return b"".join(iter(lambda: body.reader.read(block), b""))
        finally:
            body.reader.close()

    return load


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

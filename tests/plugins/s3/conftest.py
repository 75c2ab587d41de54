"""S3 servers, storages that point at them, and the bare SDK behind their back."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from labeldock.contract import Purpose, StorageRef
from labeldock_s3.options import S3OperatorOptions, S3Options
from labeldock_s3.plugin import S3Provider
from tests.plugins.s3.places import KEY_ID, SECRET, Place
from tests.servers.moto import reset, run_moto
from tests.servers.starting import start_server
from tests.servers.swift import run_swift

if "LABELDOCK_TEST_S3_BUCKET" in os.environ:

    @pytest.fixture(scope="session", autouse=True)
    def _loopback_only():
        """Lets these tests reach the bucket that was named for them."""


@pytest.fixture(scope="session")
def moto_url():
    """A server for behaviour and paging; it believes everybody."""
    with ExitStack() as stack:
        yield start_server(stack, run_moto())


@pytest.fixture(scope="session")
def swift():
    """A server that checks keys, signatures and expiry."""
    with ExitStack() as stack:
        yield start_server(stack, run_swift())


@pytest.fixture
def moto(moto_url):
    """An empty server, and one bucket in it."""
    reset(moto_url)
    place = Place(moto_url, KEY_ID, SECRET)
    place.create_bucket("media")
    return place


@pytest.fixture
def provider():
    return S3Provider()


@pytest.fixture
def connect():
    """Build a storage from options."""
    return build_storage


def build_storage(purpose=Purpose.IMPORT, operator=None, **options):
    """A storage; short limits, so that no test waits for long."""
    limits = {"connect_timeout": 1.0, "read_timeout": 1.0, "max_attempts": 2}
    built = S3Options.model_validate(options)
    operated = S3OperatorOptions.model_validate({**limits, **(operator or {})})
    return StorageRef(
        id=1,
        provider="s3",
        purpose=purpose,
        options=built,
        operator=operated,
        fingerprint=f"{operated}{sorted(map(str, options.items()))}",
    )


@pytest.fixture
def storage(moto):
    """The bucket of the behaviour server, connected."""
    return build_storage(**moto.build_options("media"))

"""Azurite, storages that point at it, and the bare SDK behind their back."""

from __future__ import annotations

import os
from contextlib import ExitStack
from secrets import token_hex

import pytest

from labeldock.contract import Purpose, StorageRef
from labeldock.testing.proxy import FaultProxy
from labeldock_azure.options import AzureOperatorOptions, AzureOptions
from labeldock_azure.plugin import AzureProvider
from tests.plugins.azure.places import Place
from tests.servers.azurite import run_azurite
from tests.servers.starting import start_server

if "LABELDOCK_TEST_AZURE_CONTAINER" in os.environ:

    @pytest.fixture(scope="session", autouse=True)
    def _loopback_only():
        """Lets these tests reach the container that was named for them."""


@pytest.fixture(scope="session")
def azurite():
    """A server that checks keys, signatures and expiry."""
    with ExitStack() as stack:
        yield start_server(stack, run_azurite())


@pytest.fixture(scope="session")
def place(azurite):
    """The account of that server."""
    return Place(azurite.url, azurite.account, azurite.key)


@pytest.fixture
def media(place):
    """A new, empty container."""
    name = f"media-{token_hex(6)}"
    place.create_container(name)
    return name


@pytest.fixture
def provider():
    return AzureProvider()


@pytest.fixture
def connect():
    """Build a storage from options."""
    return build_storage


def build_storage(purpose=Purpose.IMPORT, operator=None, **options):
    """A storage; short limits, so that no test waits for long."""
    limits = {"connect_timeout": 2.0, "read_timeout": 2.0, "max_attempts": 2}
    operated = AzureOperatorOptions.model_validate({**limits, **(operator or {})})
    return StorageRef(
        id=1,
        provider="azure",
        purpose=purpose,
        options=AzureOptions.model_validate(options),
        operator=operated,
        fingerprint=f"{operated}{sorted(map(str, options.items()))}",
    )


@pytest.fixture
def storage(place, media):
    """The container, connected with the account's key."""
    return build_storage(**place.build_options(media))


@pytest.fixture
def proxy(place):
    """A proxy that can answer for the server."""
    with FaultProxy(place.endpoint) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(place, media, proxy):
    """The container, connected through the proxy."""
    options = place.change(endpoint=proxy.url).build_options(media)
    return build_storage(Purpose.EXPORT, **options)

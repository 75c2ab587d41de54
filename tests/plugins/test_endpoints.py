"""Fields that hold an address are marked, so that the host can check them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import BlobServiceClient

from labeldock.contract import endpoint_fields
from labeldock.host import load_catalog
from labeldock.host.egress import parse_url
from labeldock_azure.connections import find_addresses
from labeldock_azure.options import AzureOptions

PROVIDERS = ("azure", "gcs", "local", "s3")
ADDRESS_LIKE = re.compile(r"(^|_)(endpoint|url|uri|host|server|proxy)$")


@pytest.fixture(scope="module")
def catalog():
    """What is installed here."""
    return load_catalog(environment={}, strict=True)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_field_that_is_called_like_an_address_is_marked(catalog, name):
    info = catalog.provider(name).info

    for model in (info.import_options, info.export_options):
        named = {f for f in model.model_fields if ADDRESS_LIKE.search(f)}
        assert named == set(endpoint_fields(model))


def test_every_provider_of_a_network_has_one(catalog):
    marked = {
        name: endpoint_fields(catalog.provider(name).info.import_options)
        for name in PROVIDERS
    }

    assert marked == {
        "azure": ("azure_endpoint", "public_endpoint"),
        "gcs": ("gcs_endpoint", "public_endpoint"),
        "local": (),
        "s3": ("s3_endpoint", "public_endpoint", "sts_endpoint"),
    }


AZURES_OWN = "acct-secondary.blob.core.windows.net"  # the SDK's guess, never asked
KEY = "AccountKey=c2VjcmV0"
STRINGS = [
    f"AccountName=acct;{KEY};{rest}"
    for rest in (
        "BlobEndpoint=http://10.0.0.1:10000/acct",
        "blobendpoint=http://10.0.0.1/acct;",
        "BlobEndpoint=10.0.0.1/acct",
        "BlobEndpoint=http://a.example;BlobSecondaryEndpoint=10.0.0.1",
        "EndpointSuffix=evil.example",
        "EndpointSuffix=evil.example;DefaultEndpointsProtocol=http",
        "BlobEndpoint=http://a.example;BlobEndpoint=http://10.0.0.1",
    )
] + [
    f"AccountName=evil.example/;{KEY}",
    f"AccountName=evil.example#;{KEY};EndpointSuffix=core.windows.net",
    "SharedAccessSignature=sig=x;BlobEndpoint=https://10.0.0.1",
    "UseDevelopmentStorage=true",
]


@pytest.mark.parametrize("text", STRINGS)
def test_a_connection_strings_addresses_are_those_that_the_sdk_will_use(text):
    found = find_addresses(text)

    with BlobServiceClient.from_connection_string(text) as service:
        used = {service.primary_hostname, service.secondary_hostname}
    hosts = {parse_url(url)[1] for url in found}
    used = {urlsplit(f"//{host}").hostname for host in used if host}
    assert used - {AZURES_OWN} <= hosts
    assert found


@pytest.mark.parametrize(
    "text",
    [
        f"AccountName=acct;{KEY};EndpointSuffix=core.windows.net",
        f"AccountName=acct;{KEY}",
        f"AccountName=acct;{KEY};BlobEndpoint=https://acct.blob.core.chinacloudapi.cn/",
    ],
)
def test_azures_own_hosts_are_nobodys_choice(text):
    assert find_addresses(text) == ()


def test_the_settings_of_a_container_list_both():
    options = AzureOptions(
        container="photos",
        connection_string=STRINGS[0],
        public_endpoint="https://cdn.example",
    )

    assert options.list_endpoints() == (
        ("public_endpoint", "https://cdn.example"),
        ("connection_string", "http://10.0.0.1:10000/acct"),
        ("connection_string", "http://10.0.0.1:10000/acct"),
    )

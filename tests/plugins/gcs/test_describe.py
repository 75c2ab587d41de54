"""What the provider says of itself, and what it costs to load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labeldock.contract import OPERATIONS, Signing, StorageProvider, secret_fields
from labeldock_gcs.options import GcsOptions
from labeldock_gcs.plugin import provider

PROBE = """
import sys
import labeldock_gcs.plugin as plugin
plugin.provider.describe()
brought = {"google.cloud", "google.auth", "requests", "urllib3", "cryptography"}
assert not brought & set(sys.modules), brought & set(sys.modules)
"""


@pytest.fixture
def info():
    return provider.describe()


def test_describe_names_the_provider_as_label_studio_does(info):
    assert info.names == ("gcs",)
    assert info.title == "Google Cloud Storage"
    assert info.schemes == ("gs",)


def test_signing_may_ask_google(info):
    assert info.signing is Signing.REMOTE


def test_describe_claims_every_ability(info):
    capabilities = info.capabilities

    assert capabilities.ordered
    assert capabilities.seekable
    assert capabilities.delimiter
    assert capabilities.conditional_write
    assert capabilities.conditional_delete
    assert capabilities.max_key_bytes == 1024


def test_the_provider_implements_every_operation():
    marked = {
        name
        for name in dir(type(provider))
        if hasattr(getattr(type(provider), name), "labeldock_impl")
    }

    assert marked == {"describe", *OPERATIONS}
    assert all(hasattr(StorageProvider, name) for name in marked)


def test_the_entry_point_imports_no_sdk():
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_document_is_the_only_secret():
    assert secret_fields(GcsOptions) == {"google_application_credentials"}


def test_every_field_has_a_title_and_a_description():
    for name, field in GcsOptions.model_fields.items():
        assert field.title, name
        assert field.description, name


def test_the_fields_of_label_studio_are_there():
    names = set(GcsOptions.model_fields)

    assert {"bucket", "google_application_credentials", "google_project_id"} <= names

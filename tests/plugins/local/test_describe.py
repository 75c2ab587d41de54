"""What the provider says of itself, and its settings models."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from labeldock.contract import OPERATIONS, Signing, StorageProvider
from labeldock_local.options import LocalOperatorOptions, LocalOptions
from labeldock_local.plugin import provider

PROBE = """
import sys
import labeldock.contract  # pydantic looks for plug-ins of its own, once
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import labeldock_local.plugin as plugin
plugin.provider.describe()
foreign = [name for name in opened if not name.endswith((".py", ".pyc", ".zip"))]
assert foreign == [], foreign
"""


def test_describe_names_the_provider_as_label_studio_does():
    info = provider.describe()

    assert info.names == ("localfiles", "local")
    assert info.title == "Local files"
    assert info.schemes == ("local",)
    assert info.signing is Signing.HOST


def test_describe_claims_every_ability():
    capabilities = provider.describe().capabilities

    assert capabilities.ordered
    assert capabilities.seekable
    assert capabilities.delimiter
    assert capabilities.conditional_write
    assert capabilities.conditional_delete
    assert capabilities.max_key_bytes == 4096


def test_describe_gives_the_same_info_each_time():
    assert provider.describe() is provider.describe()


def test_the_provider_implements_every_operation():
    marked = {
        name
        for name in dir(type(provider))
        if hasattr(getattr(type(provider), name), "labeldock_impl")
    }

    assert marked == {"describe", *OPERATIONS}
    assert all(hasattr(StorageProvider, name) for name in marked)


def test_import_and_describe_read_no_file_but_code():
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/srv/media", "/srv/media"),
        ("  /srv/media/ ", "/srv/media"),
        ("\\srv\\media", "/srv/media"),
        ("/srv//media/./x/../y", "/srv/media/y"),
        ("//srv/media", "/srv/media"),
        ("/../..", "/"),
    ],
)
def test_a_path_is_normalised(given, path):
    assert LocalOptions(path=given).path == path


@pytest.mark.parametrize("path", ["", " ", "media", "./media", "C:\\media", "~/media"])
def test_a_relative_path_is_refused(path):
    with pytest.raises(ValidationError, match="absolute path"):
        LocalOptions(path=path)


def test_a_path_with_a_nul_is_refused():
    with pytest.raises(ValidationError, match="NUL"):
        LocalOptions(path="/srv/me\0dia")


def test_a_path_that_is_not_unicode_is_refused():
    with pytest.raises(ValidationError, match="lone surrogate"):
        LocalOptions(path="/srv/\ud800")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        LocalOptions(path="/srv", follow_symlinks=True)


@pytest.mark.parametrize(
    ("path", "uri"),
    [("/srv/media", "local:///srv/media/"), ("/", "local:///")],
)
def test_the_uri_of_a_key_begins_with_the_folder(path, uri):
    assert LocalOptions(path=path).base_uri() == uri


def test_the_path_is_described_for_a_form():
    field = LocalOptions.model_fields["path"]

    assert field.title == "Folder"
    assert "LABELDOCK_LOCAL_ROOTS" in field.description


def test_the_roots_are_also_read_from_label_studios_variable():
    field = LocalOperatorOptions.model_fields["roots"]

    assert field.json_schema_extra == {"env": ["LOCAL_FILES_DOCUMENT_ROOT"]}
    assert LocalOperatorOptions().roots == ()


def test_the_roots_are_normalised_and_empty_ones_dropped():
    options = LocalOperatorOptions(roots=[" /srv/media/ ", "", "/data//x"])

    assert options.roots == ("/srv/media", "/data/x")


def test_a_relative_root_is_refused():
    with pytest.raises(ValidationError, match="absolute path"):
        LocalOperatorOptions(roots=["media"])

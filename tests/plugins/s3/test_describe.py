"""What the provider says of itself, and what its import costs."""

from __future__ import annotations

import subprocess
import sys

from labeldock.contract import OPERATIONS, Signing
from labeldock_s3.plugin import provider

BUDGET = """
import sys
import labeldock.contract
before = set(sys.modules)
import labeldock_s3.plugin
labeldock_s3.plugin.provider.describe()
brought = {name.split(".")[0] for name in set(sys.modules) - before}
foreign = brought - set(sys.stdlib_module_names) - {"labeldock", "labeldock_s3"}
assert not foreign, foreign
"""


def test_describe_names_the_provider_as_label_studio_does():
    info = provider.describe()

    assert info.names == ("s3",)
    assert info.schemes == ("s3",)
    assert info.title == "Amazon S3"


def test_describe_claims_what_the_conformance_kit_proves():
    info = provider.describe()
    can = info.capabilities

    assert info.signing is Signing.LOCAL
    assert can.ordered
    assert can.seekable
    assert can.delimiter
    assert can.conditional_write
    assert can.conditional_delete
    assert can.max_key_bytes == 1024


def test_describe_gives_the_same_info_each_time():
    assert provider.describe() is provider.describe()


def test_the_provider_implements_every_operation():
    marked = {
        name
        for name in dir(type(provider))
        if hasattr(getattr(type(provider), name), "labeldock_impl")
    }

    assert marked == {"describe", *OPERATIONS}


def test_the_entry_point_imports_no_sdk():
    done = subprocess.run(
        [sys.executable, "-c", BUDGET], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr

"""What a provider says of itself is checked before anybody relies on it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest
from pydantic import BaseModel, Field

from labeldock.contract import OperatorOptions, StorageOptions, hookimpl
from labeldock.testing.memory import MemoryOptions, MemoryProvider


class WithReservedField(MemoryOptions):
    title: str = ""
    status: str = ""


class WithReservedAlias(MemoryOptions):
    heading: str = Field(default="", alias="title")


class WithoutSchema(MemoryOptions):
    callback: Callable[[], None] | None = None


class OperatorWithoutSchema(OperatorOptions):
    callback: Callable[[], None] | None = None


class WithoutBaseUri(StorageOptions):
    bucket: str


class Foreign(BaseModel):
    bucket: str


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "other"}, "as 'other', its entry point is called 'memory'"),
        ({"api_type": "export"}, "the name 'export' is reserved"),
        ({"aliases": ("types",)}, "the name 'types' is reserved"),
        ({"aliases": ("Mem Ory",)}, "the name 'Mem Ory' must be of a-z"),
        ({"aliases": ("a" * 33,)}, "at most 32 characters"),
        ({"aliases": "files"}, "aliases must be a tuple"),
        ({"schemes": ()}, "schemes must be a tuple of at least one"),
        ({"schemes": "memory"}, "schemes must be a tuple"),
        ({"schemes": ("S3",)}, "'S3' is not a URI scheme in lower case"),
        ({"schemes": ("s3://",)}, "'s3://' is not a URI scheme"),
        ({"schemes": (None,)}, "None is not a URI scheme"),
        ({"title": ""}, "title must be of type str and not empty"),
        ({"signing": "remote"}, "signing must be of type Signing"),
        ({"capabilities": {}}, "capabilities must be of type Capabilities"),
        ({"settings_version": 0}, "settings_version must be of type int and not empty"),
        ({"upgrade_settings": None}, "upgrade_settings must be callable"),
        ({"import_options": Foreign}, "import_options must be a subclass of Storage"),
        ({"export_options": None}, "export_options must be a subclass of Storage"),
        ({"operator_options": MemoryOptions}, "must be a subclass of OperatorOptions"),
        ({"import_options": WithReservedField}, "a field status, title already"),
        ({"export_options": WithReservedAlias}, "has a field title already"),
        ({"import_options": WithoutSchema}, "WithoutSchema cannot make a JSON schema"),
        ({"operator_options": OperatorWithoutSchema}, "cannot make a JSON schema"),
        ({"import_options": WithoutBaseUri}, "does not implement base_uri"),
    ],
    ids=str,
)
def test_a_description_that_cannot_be_worked_with_is_refused(
    load, find_entry, changes, reason
):
    class Changed(MemoryProvider):
        @hookimpl
        def describe(self):
            return dataclasses.replace(super().describe(), **changes)

    catalog = load({"memory": Changed()})

    assert find_entry(catalog).status == "failed"
    assert re.search(reason, find_entry(catalog).reason)


@pytest.mark.parametrize("name", ["export", "types", "Memory", "1st"])
def test_an_entry_point_of_an_unusable_name_is_refused(load, find_entry, name):
    class Changed(MemoryProvider):
        @hookimpl
        def describe(self):
            return dataclasses.replace(super().describe(), name=name)

    catalog = load({name: Changed()})

    assert find_entry(catalog, name).status == "failed"
    assert f"the name {name!r}" in find_entry(catalog, name).reason


def test_a_description_has_to_be_provider_info(load, find_entry):
    class Wordless(MemoryProvider):
        @hookimpl
        def describe(self):
            """Say nothing."""

    catalog = load({"memory": Wordless()})

    assert find_entry(catalog).reason == "describe returned NoneType, not ProviderInfo"

"""Operator settings are read from the environment, and never repeated."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from labeldock.contract import OperatorOptions, hookimpl
from labeldock.testing.memory import MemoryProvider

SECRET = "do-not-print-me"


class Limits(BaseModel):
    reads: int = 1


class Settings(OperatorOptions):
    roots: tuple[Path, ...] = Field((), json_schema_extra={"env": ["FILES_ROOT"]})
    names: Annotated[list[str] | None, Field()] = None
    ports: frozenset[int] = frozenset()
    ambient: bool = False
    size: int = Field(5, json_schema_extra={"env": ["OLD_SIZE", "OLDER_SIZE"]})
    token: SecretStr | None = None
    limits: Limits = Limits()
    labels: dict[str, int] = Field(default_factory=dict)

    @field_validator("token")
    @classmethod
    def _check_token(cls, token):
        if token is not None and "print" in token.get_secret_value():
            raise ValueError(f"{token.get_secret_value()} is not a token")
        return token

    @model_validator(mode="after")
    def _check_all(self):
        if self.size == 13:
            raise ValueError("thirteen is too many")
        return self


class Strict(OperatorOptions):
    needed: str


def provider_with(model):
    class Changed(MemoryProvider):
        @hookimpl
        def describe(self):
            return dataclasses.replace(super().describe(), operator_options=model)

    return Changed()


@pytest.fixture
def read(load):
    def read(**environment):
        catalog = load({"memory": provider_with(Settings)}, environment=environment)
        return catalog.provider("memory").operator

    return read


def test_fields_have_their_defaults_without_an_environment(read):
    assert read() == Settings()


def test_lists_are_split_at_the_path_separator(read):
    operator = read(LABELDOCK_MEMORY_ROOTS=os.pathsep.join(["/a", "/b c", ""]))

    assert operator.roots == (Path("/a"), Path("/b c"))


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        (
            "LABELDOCK_MEMORY_ROOTS",
            '["/a:b", "/c"]',
            "roots",
            (Path("/a:b"), Path("/c")),
        ),
        ("LABELDOCK_MEMORY_NAMES", "x:y", "names", ["x", "y"]),
        ("LABELDOCK_MEMORY_PORTS", "[1, 2]", "ports", {1, 2}),
        ("LABELDOCK_MEMORY_PORTS", "1:2", "ports", {1, 2}),
        ("LABELDOCK_MEMORY_AMBIENT", "true", "ambient", True),
        ("LABELDOCK_MEMORY_SIZE", "7", "size", 7),
        ("LABELDOCK_MEMORY_LIMITS", '{"reads": 9}', "limits", Limits(reads=9)),
        ("LABELDOCK_MEMORY_LABELS", '{"a": 1}', "labels", {"a": 1}),
        ("FILES_ROOT", "/a", "roots", (Path("/a"),)),
        ("OLDER_SIZE", "8", "size", 8),
    ],
)
def test_values_are_read_as_their_field_wants(read, variable, text, field, value):
    operator = read(**{variable: text})

    assert getattr(operator, field) == value


def test_the_own_variable_counts_for_more_than_further_names(read):
    operator = read(LABELDOCK_MEMORY_SIZE="1", OLD_SIZE="2", OLDER_SIZE="3")

    assert operator.size == 1


def test_an_empty_variable_counts_as_unset(read):
    operator = read(LABELDOCK_MEMORY_SIZE="", OLD_SIZE="2")

    assert operator.size == 2


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (
            {"LABELDOCK_MEMORY_SIZE": SECRET},
            "LABELDOCK_MEMORY_SIZE: Input should be a valid integer",
        ),
        ({"OLD_SIZE": SECRET}, "OLD_SIZE: Input should be a valid integer"),
        ({"LABELDOCK_MEMORY_PORTS": "[" + SECRET}, "LABELDOCK_MEMORY_PORTS: "),
        ({"LABELDOCK_MEMORY_LABELS": SECRET}, "LABELDOCK_MEMORY_LABELS: "),
        ({"LABELDOCK_MEMORY_TOKEN": SECRET}, "LABELDOCK_MEMORY_TOKEN: is not valid"),
        (
            {"LABELDOCK_MEMORY_SIZE": "13", "LABELDOCK_MEMORY_TOKEN": "x"},
            "LABELDOCK_MEMORY_SIZE, LABELDOCK_MEMORY_TOKEN: thirteen is too many",
        ),
    ],
    ids=str,
)
def test_a_wrong_value_fails_the_provider_and_names_the_variable(
    load, find_entry, environment, reason
):
    catalog = load({"memory": provider_with(Settings)}, environment=environment)

    assert find_entry(catalog).status == "failed"
    assert find_entry(catalog).reason.startswith(reason)
    assert SECRET not in find_entry(catalog).reason


def test_a_missing_value_is_named_by_its_variable(load, find_entry):
    catalog = load({"memory": provider_with(Strict)})

    assert find_entry(catalog).reason == "LABELDOCK_MEMORY_NEEDED: is required"

"""Settings become options and a fingerprint, and secrets stay in them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import pytest
from pydantic import (
    Field,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)

from labeldock.contract import (
    ContractViolation,
    InvalidInput,
    InvalidKey,
    OperatorOptions,
    ProviderCrash,
    Purpose,
    hookimpl,
)
from labeldock.host import build_storage_ref, upgrade_settings, validate_options
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from labeldock.testing.plugins import build_catalog

SECRET = "planted secret\nof two lines"


class Import(MemoryOptions):
    key: SecretStr | None = None
    hidden: Annotated[str, Field(exclude=True)] = ""
    tags: frozenset[str] = frozenset()
    port: int = 443
    mode: str = "plain"
    tier: Literal["standard", "expedited"] = "standard"

    @field_serializer("mode")
    def _mask_mode(self, mode):
        return "***"

    @field_validator("mode")
    @classmethod
    def _check_mode(cls, mode):
        if mode == "echo":
            raise ValueError(f"{SECRET!r} and echo")
        if mode == "crash":
            raise KeyError(SECRET)
        if mode == "error":
            raise InvalidKey("a key of the storage")
        if mode == "assert":
            raise AssertionError("modes are checked")
        return mode

    @field_validator("key")
    @classmethod
    def _check_key(cls, key):
        if key is not None and key.get_secret_value() == SECRET:
            raise ValueError(f"cannot parse {SECRET!r}")
        return key

    @model_validator(mode="after")
    def _check_all(self):
        if self.port == 1:
            raise ValueError("port 1 and no key")
        return self


class Export(MemoryOptions):
    folder: str = ""


class Operator(OperatorOptions):
    token: SecretStr = SecretStr("t")


def upgrade(settings, version):
    if version == 1:
        return {"bucket": settings["container"]}
    if version == 2:
        raise RuntimeError(SECRET)
    return None


class Configured(MemoryProvider):
    @hookimpl
    def describe(self):
        return dataclasses.replace(
            super().describe(),
            import_options=Import,
            export_options=Export,
            operator_options=Operator,
            settings_version=4,
            upgrade_settings=upgrade,
        )


@pytest.fixture
def bound():
    return build_catalog(Configured()).provider("memory")


@pytest.fixture
def validate(bound):
    def validate(purpose=Purpose.IMPORT, *, stored=False, **data):
        return validate_options(bound, purpose, data, stored=stored)

    return validate


@pytest.fixture
def fingerprint(validate):
    def fingerprint(purpose=Purpose.IMPORT, *, secret=b"key", token="t", **data):
        environment = {"LABELDOCK_MEMORY_TOKEN": token}
        bound = build_catalog(Configured(), environment=environment).provider("memory")
        options = validate(purpose, **{"bucket": "a", **data})
        ref = build_storage_ref(
            bound, id=1, purpose=purpose, options=options, key=secret
        )
        return ref.fingerprint

    return fingerprint


# Options


def test_each_purpose_has_its_model(validate):
    assert validate(bucket="a") == Import(bucket="a")
    assert validate(Purpose.EXPORT, bucket="a", folder="x") == Export(
        bucket="a", folder="x"
    )


def test_an_unknown_field_is_refused_with_the_known_ones(validate):
    with pytest.raises(
        InvalidInput, match="unknown field 'buket'; known fields: bucket, "
    ) as caught:
        validate(bucket="a", buket="b")

    (problem,) = caught.value.problems
    assert problem.field == caught.value.field == "buket"
    assert problem.code == "unknown_field"
    assert problem.remedy == "did you mean bucket?"


def test_stored_settings_may_have_fields_of_another_version(validate):
    assert validate(stored=True, bucket="a", region="x") == Import(bucket="a")


@pytest.mark.parametrize("stored", [True, False])
def test_a_missing_field_is_named(validate, stored):
    with pytest.raises(
        InvalidInput, match="settings of Memory are not valid"
    ) as caught:
        validate(stored=stored)

    (problem,) = caught.value.problems
    assert problem == ("bucket", "is required", "give a value", "required")


def test_every_finding_is_a_problem(validate):
    with pytest.raises(InvalidInput, match=r"bucket: .*; port: ") as caught:
        validate(bucket="A B", port="many")

    assert [p.field for p in caught.value.problems] == ["bucket", "port"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"key": SECRET}, "key"),
        ({"port": SECRET}, "port"),
        ({"bucket": SECRET}, "bucket"),
        ({"key": [SECRET]}, "key"),
        ({SECRET * 9: 1}, None),
    ],
    ids=str,
)
def test_no_text_repeats_an_input(validate, data, field):
    with pytest.raises(InvalidInput, match="settings of Memory") as caught:
        validate(**{"bucket": "a", **data})

    error = caught.value
    shown = str(error) + repr(error) + repr([p.message for p in error.problems])
    if field:
        assert error.field == field
        assert "planted secret" not in shown
    assert error.__cause__ is None
    assert len(shown) < 1000


def test_a_validators_own_words_are_shown(validate):
    with pytest.raises(InvalidInput, match="not valid: mode: modes are checked"):
        validate(bucket="a", mode="assert")


def test_a_finding_about_all_fields_names_none(validate):
    with pytest.raises(InvalidInput, match="not valid: port 1 and no key") as caught:
        validate(bucket="a", port=1)

    assert caught.value.field is None


def test_an_error_of_ours_from_a_validator_is_a_finding_too(validate):
    with pytest.raises(InvalidInput, match="mode: a key of the storage"):
        validate(bucket="a", mode="error")


def test_a_validator_that_crashes_is_the_providers_fault(validate):
    with pytest.raises(ProviderCrash, match="crashed with KeyError") as caught:
        validate(bucket="a", mode="crash")

    assert "planted" not in str(caught.value)


def test_what_is_accepted_is_listed_although_it_may_repeat_the_input(validate):
    with pytest.raises(InvalidInput, match="should be 'standard' or 'expedited'"):
        validate(bucket="a", tier="expedit")


# Fingerprints


def test_a_fingerprint_is_the_same_for_the_same_settings(fingerprint):
    tags = [f"tag{n}" for n in range(20)]

    assert fingerprint(tags=tags) == fingerprint(tags=tags[::-1])
    assert len(fingerprint()) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "b"},
        {"key": "x"},
        {"hidden": "x"},
        {"tags": ["x"]},
        {"mode": "fast"},
        {"port": 80},
        {"token": "u"},
        {"purpose": Purpose.EXPORT},
    ],
    ids=str,
)
def test_a_fingerprint_changes_with_everything(fingerprint, change):
    assert fingerprint(**change) != fingerprint()


def test_a_fingerprint_depends_on_the_key(fingerprint):
    assert fingerprint(secret=b"another") != fingerprint()


def test_a_reference_says_which_storage_it_is(bound, validate):
    options = validate(bucket="a")

    ref = build_storage_ref(
        bound, id=None, purpose=Purpose.IMPORT, options=options, key=b"k"
    )

    assert (ref.id, ref.provider, ref.purpose) == (None, "memory", Purpose.IMPORT)
    assert ref.options is options
    assert ref.operator is bound.operator


# Upgrades


def test_present_settings_need_no_upgrade(bound):
    settings = {"bucket": "a"}

    upgraded = upgrade_settings(bound, settings, 4)

    assert upgraded == settings
    assert upgraded is not settings


def test_older_settings_are_upgraded(bound):
    assert upgrade_settings(bound, {"container": "a"}, 1) == {"bucket": "a"}


def test_settings_of_a_newer_version_are_refused(bound):
    with pytest.raises(InvalidInput, match="saved by a newer Memory") as caught:
        upgrade_settings(bound, {}, 5)

    assert caught.value.remedy == "upgrade labeldock-memory"


def test_an_upgrade_that_crashes_is_the_providers_fault(bound):
    with pytest.raises(ProviderCrash, match=r"upgrade_settings .* RuntimeError"):
        upgrade_settings(bound, {}, 2)


def test_an_upgrade_has_to_give_settings(bound):
    with pytest.raises(ContractViolation, match="returned None, not dict"):
        upgrade_settings(bound, {}, 3)

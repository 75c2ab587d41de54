"""The settings of a container: what they take, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from labeldock.contract import RESERVED_FIELDS, secret_fields
from labeldock_azure.options import AzureOperatorOptions, AzureOptions

GUIDE = Path(__file__).parents[3] / "docs/how-to/connect-azure.md"
KEY = {"account_name": "labels", "account_key": "a2V5"}
PRINCIPAL = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}


def test_a_container_an_account_and_its_key_are_enough():
    options = AzureOptions(container="media", **KEY)

    assert options.base_uri() == "azure-blob://media/"
    assert options.azure_cloud == "public"


def test_the_names_on_the_wire_are_those_of_label_studio():
    names = {"container", "account_name", "account_key", "tenant_id", "client_id"}

    assert names | {"client_secret"} <= set(AzureOptions.model_fields)
    assert not RESERVED_FIELDS & set(AzureOptions.model_fields)


def test_what_is_secret_is_marked_so():
    assert secret_fields(AzureOptions) == {
        "account_name",
        "account_key",
        "sas_token",
        "connection_string",
        "client_secret",
    }


@pytest.mark.parametrize("model", [AzureOptions, AzureOperatorOptions])
def test_every_field_is_described_for_a_form(model):
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.title or model is AzureOperatorOptions, name


def test_the_guide_tells_every_setting():
    text = GUIDE.read_text()

    for name in AzureOptions.model_fields:
        assert f"`{name}`" in text
    for name, field in AzureOperatorOptions.model_fields.items():
        default = {False: "off", (): "none"}.get(field.default, field.default)
        told = default if isinstance(default, str) else f"{default:g}"
        assert f"| `LABELDOCK_AZURE_{name.upper()}` | {told} |" in text


@pytest.mark.parametrize("name", ["media", "a-b-c", "123", "a" * 63, "$root", "$web"])
def test_a_container_name_is_taken(name):
    assert AzureOptions(container=name, **KEY).container == name


@pytest.mark.parametrize(
    "name", ["ab", "Media", "me_dia", "-media", "media-", "me--dia", "a/b", "a" * 64]
)
def test_what_is_no_container_name_is_refused(name):
    with pytest.raises(ValidationError, match="not a container name"):
        AzureOptions(container=name, **KEY)


@pytest.mark.parametrize(
    "name", ["ab", "Labels", "my-labels", "evil.example.org/", "labels.", "a" * 25]
)
def test_what_is_no_account_name_is_refused(name):
    # It becomes part of the host that the key is used with.
    with pytest.raises(ValidationError, match="not an account name"):
        AzureOptions(container="media", account_name=name, account_key="a2V5")


@pytest.mark.parametrize("field", ["azure_endpoint", "public_endpoint"])
@pytest.mark.parametrize(
    "address", ["azurite:10000", "https://u:p@example.org", "https://example.org?sig=x"]
)
def test_what_is_no_address_is_refused(field, address):
    with pytest.raises(ValidationError, match="not an address"):
        AzureOptions(container="media", **KEY, **{field: address})


def test_an_endpoint_loses_its_last_slash():
    options = AzureOptions(
        container="media", **KEY, azure_endpoint="http://127.0.0.1:10000/devstore/"
    )

    assert options.azure_endpoint == "http://127.0.0.1:10000/devstore"


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_blank_is_what_is_not_set(blank):
    options = AzureOptions.model_validate(
        {
            "container": "media",
            "account_name": "labels",
            "account_key": blank,
            "sas_token": blank,
            "azure_endpoint": blank,
            "azure_cloud": blank,
            "anonymous": True,
        }
    )

    assert options.account_key is None
    assert options.azure_cloud == "public"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**KEY, "sas_token": "sv=1"}, "not account_key and sas_token"),
        ({**KEY, "anonymous": True}, "not account_key and anonymous"),
        ({**KEY, **PRINCIPAL}, "not account_key and client_secret"),
        ({**KEY, "connection_string": "x"}, "not account_key and connection_string"),
        ({"account_key": "a2V5"}, "needs account_name"),
        ({"account_name": "labels", "client_secret": "s"}, "needs tenant_id"),
        ({"anonymous": True}, "account_name, azure_endpoint or connection_string"),
        ({**KEY, "azure_cloud": "mars"}, "azure_cloud"),
        ({"account_name": "labels", **PRINCIPAL, "tenant_id": "a/b"}, "tenant_id"),
        ({**KEY, "prefix": "x"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(given, reason):
    with pytest.raises(ValidationError, match=reason):
        AzureOptions(container="media", **given)


def test_a_refusal_does_not_repeat_what_was_given():
    with pytest.raises(ValidationError, match="needs account_name") as caught:
        AzureOptions(container="media", account_key="SECRETKEY")

    assert "SECRETKEY" not in str(caught.value)


def test_no_secret_is_in_the_shape_of_the_settings():
    options = AzureOptions(
        container="media", account_name="labels", sas_token="sv=1&sig=SIGNATURE"
    )

    for text in (repr(options), str(options), options.model_dump_json()):
        assert "SIGNATURE" not in text
        assert "labels" not in text

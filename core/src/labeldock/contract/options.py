"""The settings of a storage, and what a provider says of itself.

A provider's settings model is the one source for the API's fields, their validation,
the console's form, the command line's options and the reference page. Field names are
the names on the wire, flat (`region_name`, not `s3.region`). A field of type
`SecretStr` is encrypted at rest, never shown again, and kept when an update leaves it
out. A field marked with `ENDPOINT` holds an address that requests are sent to; the host
checks it before anything is sent. One marked with `ADVANCED` is for few.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.fields import FieldInfo

from labeldock.contract.values import MAX_KEY_BYTES, Signing

CONTRACT_VERSION: Final = 1
"""Raised when an operation is renamed, removed or added; an added argument is not."""

RESERVED_NAMES: Final = frozenset({"export", "types"})
"""Provider names and API types that are taken by routes of the application."""

RESERVED_FIELDS: Final = frozenset({
    "id", "type", "title", "description", "project", "created_at", "synchronizable",
    "last_sync", "last_sync_count", "last_sync_job", "status", "traceback", "meta",
    "prefix", "literal_prefix", "recursive_scan", "regex_filter", "use_blob_urls",
    "presign", "presign_ttl", "can_delete_objects", "limit", "payload", "key_template",
    "layout", "indent", "max_workers", "export_on_save", "save_only_new_annotations",
    "schedule", "next_run_at", "on_change",
})  # fmt: skip
"""Field names that every storage has already; a settings model must not use them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The type of `ENDPOINT`."""


ENDPOINT: Final = Endpoint()
"""Marks a settings field that holds an address: `Annotated[str | None, ENDPOINT]`."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The type of `ADVANCED`."""


ADVANCED: Final = Advanced()
"""Marks a settings field that few need; forms show it only to those who ask for more.

`Annotated[bool, ADVANCED]`. It is a field like any other everywhere else.
"""


class StorageOptions(BaseModel):
    """Base of a provider's settings model for one storage.

    Unknown fields are refused, instances are frozen, and pydantic's errors do not
    repeat the input, which might be a secret.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    def base_uri(self) -> str:
        """What precedes the key in the URIs of this storage, e.g. `s3://bucket/`.

        Pure. An object's URI is this text and its key, unescaped. It has to begin with
        one of the provider's URI schemes and `://`.
        """
        raise NotImplementedError

    def list_endpoints(self) -> tuple[tuple[str, str], ...]:
        """The fields that name a host to send requests to, each with its address.

        Pure. The host checks each of them against the operator's egress policy before
        it calls an operation. What is marked with `ENDPOINT` is found by itself; a
        model overrides this if an address is part of another value.
        """
        values = ((name, getattr(self, name)) for name in endpoint_fields(type(self)))
        return tuple((name, str(value)) for name, value in values if value)


class OperatorOptions(BaseModel):
    """Base of what the operator sets for a provider as a whole.

    The host reads each field from `LABELDOCK_<PROVIDER>_<FIELD>` (in capitals), then
    from the names listed under `json_schema_extra={"env": [...]}`. Lists are separated
    by the system's path separator (`:`), or given as JSON.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do. The conformance kit proves each claim.

    Attributes:
        ordered: listings are in UTF-8 byte order of the key.
        seekable: a listing can start after any key (`after_key`).
        delimiter: listings can be one level deep.
        conditional_write: conditions of writes are checked by the storage, atomically.
        conditional_delete: the same for deletions.
        max_key_bytes: the longest key in UTF-8 bytes.
    """

    ordered: bool = True
    seekable: bool = True
    delimiter: bool = True
    conditional_write: bool = True
    conditional_delete: bool = True
    max_key_bytes: int = MAX_KEY_BYTES


def keep_settings(settings: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The `upgrade_settings` of a provider whose settings never changed."""
    del version
    return dict(settings)


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """What a provider says of itself, without any I/O.

    Attributes:
        name: equal to the name of its entry point, e.g. "s3".
        title: for people, e.g. "Amazon S3".
        schemes: URI schemes of its objects, e.g. ("s3",).
        import_options: settings model of an import storage.
        export_options: settings model of an export storage.
        api_type: the `type` and URL segment in the API; "" means the name.
        aliases: further names that the API and the command line accept.
        operator_options: model of the operator's settings.
        signing: see `Signing`.
        capabilities: see `Capabilities`.
        settings_version: raised when stored settings have to be changed.
        upgrade_settings: pure function from stored settings and their version to
            settings of the present version.
        contract_version: the `CONTRACT_VERSION` it was written for.
    """

    name: str
    title: str
    schemes: tuple[str, ...]
    import_options: type[StorageOptions]
    export_options: type[StorageOptions]
    api_type: str = ""
    aliases: tuple[str, ...] = ()
    operator_options: type[OperatorOptions] = OperatorOptions
    signing: Signing = Signing.NONE
    capabilities: Capabilities = field(default_factory=Capabilities)
    settings_version: int = 1
    upgrade_settings: Callable[[Mapping[str, Any], int], dict[str, Any]] = keep_settings
    contract_version: int = CONTRACT_VERSION

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, the API's first, each once."""
        names = (self.api_type or self.name, self.name, *self.aliases)
        return tuple(dict.fromkeys(names))


def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields whose values are secret: those of type `SecretStr`."""
    return frozenset(
        name for name, info in model.model_fields.items() if _is_secret(info)
    )


def endpoint_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the fields that hold an address: those marked with `ENDPOINT`."""
    return tuple(
        name for name, info in model.model_fields.items() if ENDPOINT in info.metadata
    )


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in _flatten(info.annotation)


def _flatten(annotation: Any) -> tuple[Any, ...]:  # what typing calls a special form
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return typing.get_args(annotation)
    return (annotation,)

"""Is what a provider says of itself usable? One rule per function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from labeldock.contract import (
    CONTRACT_VERSION,
    RESERVED_FIELDS,
    RESERVED_NAMES,
    Capabilities,
    IncompatibleContract,
    OperatorOptions,
    PluginLoadError,
    ProviderInfo,
    Signing,
    StorageOptions,
)

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""Names are part of URLs, of variables and of package names."""

SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
"""RFC 3986, 3.1, in lower case."""


def check_info(info: object, name: str) -> ProviderInfo:
    """Refuse a description that the host or the application could not work with.

    Args:
        info: what `describe` returned.
        name: of the entry point.

    Raises:
        IncompatibleContract: it was written for another version.
        PluginLoadError: with the reason for the author.
    """
    if not isinstance(info, ProviderInfo):
        kind = type(info).__name__
        raise PluginLoadError(f"describe returned {kind}, not ProviderInfo")
    _check_version(info)
    _check_names(info, name)
    _check_schemes(info.schemes)
    _check_values(info)
    _check_storage_options(info.import_options, "import_options")
    _check_storage_options(info.export_options, "export_options")
    _check_model(info.operator_options, OperatorOptions, "operator_options")
    return info


def _check_version(info: ProviderInfo) -> None:
    if info.contract_version != CONTRACT_VERSION:
        raise IncompatibleContract(
            f"it was written for version {info.contract_version} of the contract, "
            f"this labeldock has version {CONTRACT_VERSION}",
            remedy="install versions that fit together",
        )


def _check_names(info: ProviderInfo, name: str) -> None:
    if info.name != name:
        raise PluginLoadError(
            f"it describes itself as {info.name!r}, its entry point is called {name!r}"
        )
    aliases: object = info.aliases
    if not isinstance(aliases, tuple):
        raise PluginLoadError("aliases must be a tuple of names")
    for each in info.names:
        _check_name(each)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginLoadError(
            f"the name {name!r} must be of a-z, 0-9, '_' and '-', "
            "begin with a letter and have at most 32 characters"
        )
    if name in RESERVED_NAMES:
        raise PluginLoadError(f"the name {name!r} is reserved")


def _check_schemes(schemes: object) -> None:
    if not isinstance(schemes, tuple) or not schemes:
        raise PluginLoadError("schemes must be a tuple of at least one URI scheme")
    for scheme in schemes:
        if not isinstance(scheme, str) or not SCHEME.fullmatch(scheme):
            raise PluginLoadError(f"{scheme!r} is not a URI scheme in lower case")


def _check_values(info: ProviderInfo) -> None:
    _expect(info.title, str, "title")
    _expect(info.signing, Signing, "signing")
    _expect(info.capabilities, Capabilities, "capabilities")
    _expect(info.settings_version, int, "settings_version")
    if not callable(info.upgrade_settings):
        raise PluginLoadError("upgrade_settings must be callable")


def _expect(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind) or not value:
        raise PluginLoadError(f"{name} must be of type {kind.__name__} and not empty")


def _check_storage_options(model: type[StorageOptions], name: str) -> None:
    _check_model(model, StorageOptions, name)
    if model.base_uri is StorageOptions.base_uri:
        raise PluginLoadError(f"{name}: {model.__name__} does not implement base_uri")
    taken = sorted(RESERVED_FIELDS.intersection(_list_wire_names(model)))
    if taken:
        raise PluginLoadError(
            f"{name}: every storage has a field {', '.join(taken)} already; rename it"
        )


def _check_model(model: object, base: type[BaseModel], name: str) -> None:
    if not (isinstance(model, type) and issubclass(model, base)):
        raise PluginLoadError(f"{name} must be a subclass of {base.__name__}")
    try:
        model.model_json_schema()
    except Exception as error:
        kind = type(error).__name__
        raise PluginLoadError(
            f"{name}: {model.__name__} cannot make a JSON schema ({kind})"
        ) from error


def _list_wire_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        yield from _list_aliases(field)


def _list_aliases(field: FieldInfo) -> Iterator[str]:
    for alias in (field.alias, field.validation_alias, field.serialization_alias):
        if isinstance(alias, str):
            yield alias

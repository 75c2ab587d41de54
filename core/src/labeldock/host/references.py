"""From settings to the reference that every operation receives."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from labeldock.contract import InvalidInput, Purpose, StorageOptions, StorageRef
from labeldock.host.binding import BoundProvider
from labeldock.host.guard import Call, expect, translate_errors
from labeldock.host.problems import list_problems, render_problems


def validate_options(
    bound: BoundProvider,
    purpose: Purpose,
    data: Mapping[str, Any],
    *,
    stored: bool,
) -> StorageOptions:
    """Build the provider's settings model for one storage.

    Args:
        bound: the provider.
        purpose: decides which of its two models it is.
        data: the settings, secrets included.
        stored: they come from the database and may have fields of another version,
            which are left out; otherwise an unknown field is refused.

    Raises:
        InvalidInput: with a problem per finding; no text repeats an input.
    """
    model = select_model(bound, purpose)
    call = Call(bound.info.name, "validation of settings", None)
    with translate_errors(call):  # a model's validators are foreign code
        try:
            return model.model_validate(
                dict(data), extra="ignore" if stored else "forbid"
            )
        except ValidationError as error:
            problems = list_problems(error, model)
    raise InvalidInput(
        f"settings of {bound.info.title} are not valid: {render_problems(problems)}",
        problems=problems,
        field=problems[0].field,
        remedy=problems[0].remedy,
    )


def upgrade_settings(
    bound: BoundProvider, settings: Mapping[str, Any], version: int
) -> dict[str, Any]:
    """Stored settings, brought to the provider's present version.

    Raises:
        InvalidInput: they were saved by a newer version of the provider.
    """
    present = bound.info.settings_version
    if version == present:
        return dict(settings)
    if version > present:
        raise InvalidInput(
            f"the settings were saved by a newer {bound.info.title} "
            f"(version {version}, this one knows {present})",
            remedy=f"upgrade {bound.distribution}",
        )
    call = Call(bound.info.name, "upgrade_settings", None)
    with translate_errors(call):
        return expect(call, bound.info.upgrade_settings(settings, version), dict)


def select_model(bound: BoundProvider, purpose: Purpose) -> type[StorageOptions]:
    """The provider's settings model for this purpose."""
    if purpose is Purpose.IMPORT:
        return bound.info.import_options
    return bound.info.export_options


def build_storage_ref(
    bound: BoundProvider,
    *,
    id: int | None,  # noqa: A002  named as the field that it fills
    purpose: Purpose,
    options: StorageOptions,
    key: bytes,
) -> StorageRef:
    """Put together what identifies one storage to its provider.

    Args:
        bound: the provider.
        id: the storage's number, None while it is not saved.
        purpose: import or export.
        options: settings from `validate_options`.
        key: of the fingerprint's HMAC; without it nothing about a secret can be tried
            out on the fingerprint.
    """
    return StorageRef(
        id=id,
        provider=bound.info.name,
        purpose=purpose,
        options=options,
        operator=bound.operator,
        fingerprint=_build_fingerprint(bound, purpose, options, key),
        check_peer=bound.build_peer_check(options),
    )


def _build_fingerprint(
    bound: BoundProvider, purpose: Purpose, options: StorageOptions, key: bytes
) -> str:
    text = _render_canonical([bound.info.name, purpose, options, bound.operator])
    return hmac.digest(key, text.encode(), "sha256").hex()


def _render_canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_reveal)


def _reveal(value: object) -> Any:  # anything that JSON knows
    """What distinguishes one value from another, secrets in the clear.

    A model's own serialisation would not do: it masks secrets and may leave fields out.
    """
    match value:
        case BaseModel():
            return dict(value)
        case SecretStr() | SecretBytes():
            return value.get_secret_value()
        case set() | frozenset():
            return sorted(map(_render_canonical, value))  # their order is random
        case _:
            return to_jsonable_python(value)

"""The layout of a storage's form, told by its settings model: rows of fields.

The shape is the one that Label Studio's own pages and their copies draw forms from.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from annotated_types import Ge, Gt
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from labeldock.contract.options import ADVANCED
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model
from labeldock.services.storage_fields import FIELD_MODELS

_HEAD: Final = ("title", "description")
_UNUSED: Final = {
    Purpose.IMPORT: frozenset(_HEAD),
    Purpose.EXPORT: frozenset({*_HEAD, "regex_filter", "use_blob_urls"}),
}
_METHODS: Final = (
    {"value": True, "label": "Files: one task per object"},
    {"value": False, "label": "Tasks: each object is a file of tasks"},
)


def build_form(bound: BoundProvider, purpose: Purpose) -> list[dict[str, Any]]:
    """Rows of fields: the names, the provider's own settings, the common ones."""
    common = FIELD_MODELS[purpose].model_fields
    head = {name: common[name] for name in _HEAD}
    own = select_model(bound, purpose).model_fields
    rest = {n: info for n, info in common.items() if n not in _UNUSED[purpose]}
    return [_build_row(1, head), _build_row(2, own), _build_row(2, rest)]


def _build_row(columns: int, fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    shown = [_build_field(name, info) for name, info in fields.items()]
    return {"columnCount": columns, "fields": shown}


def _build_field(name: str, info: FieldInfo) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": name,
        "label": info.title or name.replace("_", " ").capitalize(),
        "required": info.is_required(),
        "allowEmpty": not info.is_required(),
        **_describe_kind(name, info),
    }
    if ADVANCED in info.metadata:
        field["advanced"] = True
    if info.description:
        field["description"] = info.description
    if info.default is not PydanticUndefined and info.default is not None:
        field["value"] = info.default
    return field


def _describe_kind(name: str, info: FieldInfo) -> dict[str, Any]:
    kinds = _list_kinds(info.annotation)
    if name == "use_blob_urls":
        return {"type": "select", "required": True, "options": _METHODS}
    if SecretStr in kinds:
        # Browsers are not to fill in, or to keep, what opens a bucket.
        words = {"autoComplete": "new-password", "skipAutofill": True}
        return {"type": "password", "protectedValue": True, **words}
    if bool in kinds:
        return {"type": "toggle"}
    if int in kinds or float in kinds:
        return {"type": "counter", **_find_least(info)}
    choices = [value for kind in kinds for value in _list_choices(kind)]
    if choices:
        options = [{"value": value, "label": str(value)} for value in choices]
        return {"type": "select", "options": options}
    return {"type": "text"}


def _list_kinds(annotation: Any) -> tuple[Any, ...]:  # whatever typing knows
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return typing.get_args(annotation)
    return (annotation,)


def _list_choices(kind: Any) -> tuple[Any, ...]:  # as above
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)
    is_enum = isinstance(kind, type) and issubclass(kind, StrEnum)
    return tuple(member.value for member in kind) if is_enum else ()


def _find_least(info: FieldInfo) -> dict[str, float]:
    for bound in info.metadata:
        if isinstance(bound, Ge | Gt):
            return {"min": typing.cast("float", getattr(bound, "ge", None) or 0)}
    return {}

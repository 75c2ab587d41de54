"""What endpoints read, as models: of the query and of the body.

Clients send numbers and truth as text, and fields that are not for them: values are
taken leniently, and what is ignored is named in a header of the answer.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.requests import Request

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem
from labeldock.web.fields import (
    LARGEST_ID,
    parse_boolean,
    parse_document,
    parse_integer,
    parse_number,
    select_fields,
)

ModelT = TypeVar("ModelT", bound=BaseModel)
_MISSING: Final = "This field is required."


def _lenient(parse: Callable[[object, str], Any]) -> BeforeValidator:
    def read(value: object, info: ValidationInfo) -> Any:  # what `parse` gives
        return parse(value, info.field_name or "non_field_errors")

    return BeforeValidator(read)


AS_INTEGER: Final = _lenient(parse_integer)
AS_DOCUMENT: Final = _lenient(parse_document)
Whole = Annotated[
    int,
    AS_INTEGER,
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LARGEST_ID}),
]
"""A whole number of at least 0, also as text."""
Switch = Annotated[bool, _lenient(parse_boolean), WithJsonSchema({"type": "boolean"})]
"""True or false, also as text."""
Number = Annotated[
    float | None,
    _lenient(parse_number),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
]
"""A finite number or nothing, also as text."""


AS_IS: Final = "as it is"
"""Marks a parameter whose spaces count, and which may be empty."""
AS_TEXT: Final = WithJsonSchema({"type": "string"})


def _parse_reference(value: object, field: str) -> int | None:
    return None if value is None or value == "" else parse_integer(value, field)


Reference = Annotated[
    int | None,
    _lenient(_parse_reference),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}),
]
"""The number of something, also as text; or nothing."""


class Query(BaseModel):
    """Base of what is read of a query; a parameter that is empty is left out.

    Clients send parameters that are not for us. Where one that is passed over would
    mislead, a model forbids them: `model_config = ConfigDict(extra="forbid")`.
    """

    model_config = ConfigDict(
        extra="ignore", hide_input_in_errors=True, frozen=True, validate_by_name=True
    )


class Body(BaseModel):
    """Base of what is read of a JSON body or a form."""

    # Built when it is first used: a process holds a hundred, and is asked for a few.
    model_config = ConfigDict(
        extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    def given(self) -> dict[str, Any]:
        """The fields that the client sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def pick_fields(
    name: str,
    *models: type[BaseModel],
    only: frozenset[str] | None = None,
    required: frozenset[str] = frozenset(),
    **more: Any,  # types
) -> type[Body]:
    """A body with the fields of models that somebody else validates it with.

    A change is validated together with what is stored, by the service. So here the
    fields are only told from unknown ones; the schema shows what the models say.

    Args:
        name: of the schema.
        models: where the fields come from.
        only: those of them; None for all.
        required: names of fields that the schema shows as required.
        more: further fields, each with its type; these are checked here.
    """
    infos = {
        key: info
        for model in models
        for key, info in model.model_fields.items()
        if only is None or key in only
    }
    fields: dict[str, Any] = {key: _show(info) for key, info in infos.items()}
    fields |= {key: (kind, _optional()) for key, kind in more.items()}

    def finish(schema: dict[str, Any]) -> None:
        if required:
            schema["required"] = sorted(required)

    base = type(f"{name}Base", (Body,), {"model_config": {"json_schema_extra": finish}})
    return create_model(name, __base__=base, **fields)


def _show(info: FieldInfo) -> tuple[Any, Any]:
    """A field that takes anything, and is described as another one."""
    kind: Any = info.annotation
    for each in info.metadata:
        kind = Annotated[kind, each]
    text = info.description or ""
    default = info.default
    if default is not PydanticUndefined and default not in {None, ""}:
        text = f"{text} Default: {json.dumps(default)}.".strip()
    return Annotated[kind | None, SkipValidation], _optional(description=text or None)


def _optional(**more: Any) -> Any:  # as `Field`; a schema shows no default for it
    return Field(default_factory=_nothing, **more)


def _nothing() -> None:
    return None


def read_query(request: Request, model: type[ModelT]) -> ModelT:
    """The query, validated.

    Raises:
        InvalidInput: with a problem per parameter.
    """
    given = request.query_params
    values: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        texts = given.getlist(key)
        if AS_IS not in info.metadata:
            texts = [text.strip() for text in texts if text.strip()]
        if texts:
            values[key] = texts if _is_list(info) else texts[-1]
    if model.model_config.get("extra") == "forbid":
        known = {info.alias or name for name, info in model.model_fields.items()}
        values |= {name: text for name, text in given.items() if name not in known}
    return _validate(model, values)


def _is_list(info: FieldInfo) -> bool:
    kinds = (info.annotation, *typing.get_args(info.annotation))
    return any(typing.get_origin(kind) in {list, tuple} for kind in kinds)


def read_fields(
    values: Mapping[str, Any], model: type[ModelT]
) -> tuple[ModelT, dict[str, str]]:
    """The fields of a body, validated; and a header that names those ignored.

    Raises:
        InvalidInput: with a problem per field.
    """
    known = {info.alias or name for name, info in model.model_fields.items()}
    chosen, notes = select_fields(values, known)
    return _validate(model, chosen), notes


def _validate(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [
            _describe(detail)
            for detail in error.errors(include_input=False, include_url=False)
        ]
    raise InvalidInput("Not all values can be used.", problems=problems)


def _describe(detail: Any) -> Problem:  # an entry of pydantic's
    field = str(detail["loc"][0]) if detail["loc"] else None
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return Problem(field, cause.message, cause.remedy)
    if detail["type"] == "missing":
        return Problem(field, _MISSING, code="missing")
    return Problem(field, detail["msg"], code=detail["type"])

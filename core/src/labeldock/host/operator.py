"""What the operator sets for a provider as a whole, read from the environment."""

from __future__ import annotations

import json
import os
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from labeldock.contract import (
    OperatorOptions,
    PluginLoadError,
    Problem,
    ProviderInfo,
)
from labeldock.host.problems import list_problems

COLLECTIONS = frozenset({tuple, list, set, frozenset})


def build_operator_options(
    info: ProviderInfo, environment: Mapping[str, str]
) -> OperatorOptions:
    """The provider's operator settings.

    A field is read from the first of its variables that is set and not empty.

    Raises:
        PluginLoadError: a value is wrong; names the variable and never its value.
    """
    model = info.operator_options
    sources = dict(_find_sources(info, environment))
    try:
        return model.model_validate(
            {
                name: _parse_value(environment[variable], model.model_fields[name])
                for name, variable in sources.items()
            }
        )
    except ValidationError as error:
        problems = list_problems(error, model)
    texts = [_render_problem(problem, info, sources) for problem in problems]
    raise PluginLoadError("; ".join(texts))


def _find_sources(
    info: ProviderInfo, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name, field in info.operator_options.model_fields.items():
        for variable in _list_variables(info.name, name, field):
            if environment.get(variable):
                yield name, variable
                break


def _list_variables(provider: str, name: str, field: FieldInfo) -> list[str]:
    extra = field.json_schema_extra
    further = extra.get("env", []) if isinstance(extra, dict) else []
    names = further if isinstance(further, list) else [further]
    return [_name_variable(provider, name), *map(str, names)]


def _name_variable(provider: str, field: str) -> str:
    return f"LABELDOCK_{provider}_{field}".upper().replace("-", "_")


def _parse_value(text: str, field: FieldInfo) -> Any:  # pydantic checks what it is
    kinds = set(_list_kinds(field.annotation))
    if kinds & COLLECTIONS:
        return _parse_collection(text)
    if dict in kinds or any(issubclass(kind, BaseModel) for kind in kinds):
        return _parse_json(text)
    return text


def _list_kinds(annotation: Any) -> Iterator[type]:  # what typing calls a special form
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        for part in typing.get_args(annotation):
            yield from _list_kinds(part)
    elif origin is typing.Annotated:
        yield from _list_kinds(typing.get_args(annotation)[0])
    elif isinstance(origin or annotation, type):
        yield origin or annotation


def _parse_collection(text: str) -> Any:  # as in _parse_value
    if text.lstrip().startswith("["):
        return _parse_json(text)
    return [part for part in text.split(os.pathsep) if part]


def _parse_json(text: str) -> Any:  # as in _parse_value
    try:
        return json.loads(text)
    except ValueError:
        return text  # of the wrong type, which pydantic says with the field's name


def _render_problem(
    problem: Problem, info: ProviderInfo, sources: Mapping[str, str]
) -> str:
    if problem.field is None:
        return f"{', '.join(sources.values())}: {problem.message}"
    variable = sources.get(problem.field) or _name_variable(info.name, problem.field)
    return f"{variable}: {problem.message}"

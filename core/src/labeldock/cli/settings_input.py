"""The settings of a storage as they are typed: options of any provider, from its model.

A provider's own settings are not known before its plug-in is loaded, so Typer passes
them on as they are: `--bucket photos`, `--region-name=eu-west-1`, `--use-ssl`.
"""

from __future__ import annotations

import json
import os
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem

if TYPE_CHECKING:
    from pydantic import BaseModel

ENVIRONMENT: Final = "env:"
HINT: Final = "Give the provider first, then its own settings as --name value."
PLAIN: Final = (str, bytes)


def check_provider_name(name: str) -> None:
    """Refuse an option in the place of the provider.

    Raises:
        InvalidInput: it begins with a dash.
    """
    if name.startswith("-"):
        raise _refuse("PROVIDER", f"Missing before {name[:60]}.", HINT)


def collect_settings(
    model: type[BaseModel],
    common: Mapping[str, Any],
    assignments: Sequence[str],
    words: Sequence[str],
) -> dict[str, Any]:
    """Everything that was typed, under the names of the fields; None was not given.

    Args:
        model: the provider's settings model, which tells the types.
        common: options that every storage has.
        assignments: `name=value` of `--set`.
        words: what Typer did not know.

    Raises:
        InvalidInput: a word cannot be understood, or a value cannot be read.
    """
    typed = [*_split_assignments(assignments), *_split_words(model, words)]
    own = {name: _parse_value(model, name, text) for name, text in typed}
    return {name: v for name, v in common.items() if v is not None} | own


def _split_assignments(assignments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or not name:
            raise _refuse("--set", "Not of the form NAME=VALUE.")
        yield _name_field(name), text


def split_headers(assignments: Sequence[str]) -> dict[str, str]:
    """Headers of the form `Name=value`; the value may be a reference.

    Raises:
        InvalidInput: one is not of this form, or cannot be read.
    """
    pairs = (assignment.partition("=") for assignment in assignments)
    return {name: read_reference("--header", text) for name, _, text in pairs}


def _split_words(
    model: type[BaseModel], words: Sequence[str]
) -> Iterator[tuple[str, str]]:
    rest = list(words)
    while rest:
        option, sign, text = rest.pop(0).partition("=")
        if not option.startswith("--") or option == "--":
            raise _refuse(option[:60], "Unexpected argument.", HINT)
        name = _name_field(option)
        if sign:
            yield name, text
        elif rest and not rest[0].startswith("--"):
            yield name, rest.pop(0)
        else:
            yield _read_flag(model, name)


def _read_flag(model: type[BaseModel], name: str) -> tuple[str, str]:
    """An option without a value: a field that is true or, after `no_`, false."""
    positive = name.removeprefix("no_")
    if name not in model.model_fields and _is_flag(model, positive):
        return positive, "false"
    if name in model.model_fields and not _is_flag(model, name):
        raise _refuse(name, "Needs a value.")
    return name, "true"


def _is_flag(model: type[BaseModel], name: str) -> bool:
    return name in model.model_fields and bool in _list_types(model, name)


def _name_field(word: str) -> str:
    return word.lstrip("-").replace("-", "_")


def _refuse(field: str, message: str, remedy: str | None = None) -> InvalidInput:
    problem = Problem(field, message, remedy)
    return InvalidInput("The command cannot be understood.", problems=[problem])


def _parse_value(model: type[BaseModel], name: str, text: str) -> Any:  # JSON
    value = read_reference(name, text)
    if name not in model.model_fields:
        return value
    kinds = _list_types(model, name)
    if not kinds or any(issubclass(kind, PLAIN) or _is_secret(kind) for kind in kinds):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # the model says what is wrong with it


def _is_secret(kind: type) -> bool:
    return hasattr(kind, "get_secret_value")


def _list_types(model: type[BaseModel], name: str) -> list[type]:
    return list(_flatten(model.model_fields[name].annotation))


def _flatten(annotation: Any) -> Iterator[type]:  # what typing calls a special form
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        for part in typing.get_args(annotation):
            yield from _flatten(part)
    elif origin is typing.Literal:
        yield from {type(value) for value in typing.get_args(annotation)}
    elif isinstance(origin or annotation, type) and annotation is not types.NoneType:
        yield origin or annotation


def read_reference(name: str, text: str) -> str:
    """The value itself, or what `@env:NAME`, `@-` and `@FILE` stand for."""
    if not text.startswith("@"):
        return text
    place = text[1:]
    if place.startswith("@"):
        return place
    if place == "-":
        return _drop_line_end(sys.stdin.read())
    if place.startswith(ENVIRONMENT):
        return _read_variable(name, place.removeprefix(ENVIRONMENT))
    return _read_file(name, Path(place))


def _read_variable(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise _refuse(name, f"The variable {variable} is not set.")
    return value


def _read_file(name: str, path: Path) -> str:
    remedy = "Give the value itself, @env:VARIABLE, @FILE or @- for standard input."
    try:
        return _drop_line_end(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or "not readable"
        raise _refuse(name, f"{path}: {reason}.", remedy) from None
    except UnicodeDecodeError:
        raise _refuse(name, f"{path} is not text in UTF-8.", remedy) from None


def _drop_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")

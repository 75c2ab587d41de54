"""The errors of an operation, from its declaration and the table of statuses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException

from labeldock.contract import errors
from labeldock.contract.errors import LabeldockError
from labeldock.web.openapi.entries import Entry
from labeldock.web.operations import Need
from labeldock.web.problems import STATUSES, build_answer, find_kinds_status

ERROR_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Why a request was refused.",
    "required": ["id", "status_code", "version", "detail", "exc_info"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "status_code": {"type": "integer"},
        "version": {"type": "string"},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "exc_info": {"type": "null"},
        "validation_errors": {
            "type": "object",
            "description": "Field -> what is wrong with it.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "code": {"type": "string", "description": "`quota_exceeded`, at a limit."},
        "field": {"type": ["string", "null"], "description": "The limit."},
        "correlation_id": {"type": "string", "description": "Finds it in the log."},
    },
}
_SOME_ID: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_HEADERS: Final[Mapping[int, str]] = {
    401: "WWW-Authenticate",
    416: "Content-Range",
    429: "Retry-After",
    503: "Retry-After",
}
_PLAIN: Final[Mapping[int, str]] = {
    413: "The request body is larger than 10 MiB.",
    415: 'Unsupported media type "text/plain" in request.',
    429: "Too many requests with this login. Try again in 1 second.",
    503: "The database cannot be used at the moment; try again.",
}
"""What the web server itself refuses, whatever the route is."""


def list_statuses(entry: Entry) -> list[int]:
    """The statuses of errors that an operation may answer with."""
    told = {
        find_kinds_status(kind)
        for each in entry.declaration.errors
        for kind in _expand(each)
    }
    return sorted({*told, *_list_implied(entry)} - {500})


def _list_implied(entry: Entry) -> Iterator[int]:
    declaration = entry.declaration
    yield from (429, 503)
    if declaration.needs is not Need.NOTHING:
        yield from (401, 403)
    if not isinstance(declaration.needs, Need) or entry.parameters:
        yield 404
    if declaration.query or declaration.body:
        yield 400
        yield from () if declaration.needs is Need.NOTHING else (404,)
    if entry.method not in {"GET", "OPTIONS"}:
        yield from (400, 413, 415)  # a body is read, and refused if it is not one


def _expand(kind: type[LabeldockError]) -> set[type[LabeldockError]]:
    """A kind and those below it; a provider may always fail in its own ways."""
    below = {kind, *(known for known in STATUSES if issubclass(known, kind))}
    if kind is errors.StorageError:
        below |= {errors.ProviderCrash, errors.ContractViolation}
        below |= {errors.UnknownProvider, errors.ProviderUnavailable}
    return below


def build_responses() -> dict[str, Any]:
    """The answers to errors by their status, with an example for each kind."""
    kinds: dict[int, dict[str, Any]] = {}
    for kind in STATUSES:
        example = _build_example(kind(_describe(kind)))
        kinds.setdefault(example["status_code"], {})[kind.__name__] = {"value": example}
    for status, detail in _PLAIN.items():
        example = _build_example(HTTPException(status, detail))
        kinds.setdefault(status, {})[HTTPStatus(status).name] = {"value": example}
    return {
        name_status(status): _build(status, kinds[status]) for status in sorted(kinds)
    }


def name_status(status: int) -> str:
    """The name of the answer, e.g. `NotFound`."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _build(status: int, examples: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
    if status in _HEADERS:
        response["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return response


def _describe(kind: type[LabeldockError]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].partition("; ")[0]


def _build_example(error: Exception) -> dict[str, Any]:
    if type(error) is LabeldockError:  # answered like any mistake of ours; not logged
        error = HTTPException(500, "Something went wrong here; the log says what.")
    return {**build_answer(error, "").body, "id": _SOME_ID}

"""The OpenAPI document: every declared operation, built once for an application."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from starlette.routing import BaseRoute

from labeldock.web.fields import IGNORED_HEADER, LARGEST_ID
from labeldock.web.openapi.entries import Entry, list_entries
from labeldock.web.openapi.examples import build_example
from labeldock.web.openapi.faults import (
    ERROR_SCHEMA,
    build_responses,
    list_statuses,
    name_status,
)
from labeldock.web.operations import Content, Need
from labeldock.web.release import VERSION
from labeldock.web.sessions import COOKIE

_REFERENCE: Final = "#/components/schemas/"
_USED: Final = re.compile(re.escape(_REFERENCE) + r"([^\"]+)")
_LONG_NAME: Final = re.compile(r"\blabeldock__\w*?([a-z]+(?:_[a-z]+)*)__([A-Z]\w*)")
_ABOUT: Final = """The paths and shapes are Label Studio's where it has them.

Every path of the API can be written with a slash at its end, too. Numbers and truth
values are also taken as text, and bodies also as forms. Fields that cannot be set are
ignored, and named in the header `X-Labeldock-Ignored-Fields` of the answer. Every
answer has a header `X-Correlation-Id`, which finds the request in the log; a mistake of
the service is answered with status 500 and the same id."""
_SECURITY: Final = {
    "Token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token` and a token, with a space between.",
    },
    "Bearer": {"type": "http", "scheme": "bearer"},
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Of a browser that has logged in; for pages of this site alone.",
    },
}
_PATH_KINDS: Final = {"int": {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}}
Document = dict[str, Any]


def build_document(routes: Iterable[BaseRoute]) -> Document:
    """OpenAPI 3.1 for the operations that routes declare."""
    entries = [entry for entry in list_entries(routes) if entry.declaration.is_shown]
    schemas = _Schemas(entries)
    paths: dict[str, Any] = {}
    for entry in entries:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _describe(
            entry, schemas
        )
    document: Document = {
        "openapi": "3.1.0",
        "info": {"title": "Labeldock", "version": VERSION, "description": _ABOUT},
        "security": [{name: []} for name in _SECURITY],
        "tags": [{"name": tag} for tag in sorted({entry.tag for entry in entries})],
        "paths": paths,
        "components": {
            "securitySchemes": _SECURITY,
            "responses": build_responses(),
            "schemas": {"Error": ERROR_SCHEMA},
        },
    }
    document["components"]["schemas"] |= schemas.select_used(document)
    return document


class _Schemas:
    """The JSON schemas of every type that operations name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._types: list[Any] = []
        wanted: dict[tuple[int, Any], TypeAdapter[Any]] = {}
        for entry in entries:
            for kind, mode in _list_types(entry):
                wanted.setdefault((id(kind), mode), TypeAdapter(kind))
                self._types.append(kind)  # so that no other gets its id
        inputs = [(key, key[1], adapter) for key, adapter in wanted.items()]
        told, defs = TypeAdapter.json_schemas(
            inputs, ref_template=_REFERENCE + "{model}"
        )
        told_all = _shorten([*told.values(), defs.get("$defs", {})])
        self.known: dict[str, Any] = told_all.pop()
        self._told: dict[Any, Document] = {
            key: schema for (key, _), schema in zip(told, told_all, strict=True)
        }

    def find(self, kind: Any, mode: str) -> Document:
        """The schema of a type, or the schema that was given as one."""
        if isinstance(kind, Mapping):
            return dict(kind)
        return self._told[(id(kind), mode)]

    def select_used(self, document: Document) -> Document:
        """Those that a document refers to, and those that these refer to."""
        used: dict[str, Any] = {}
        waiting = set(_USED.findall(dump(document)))
        while waiting:
            name = waiting.pop()
            if name in used or name not in self.known:
                continue
            used[name] = self.known[name]
            waiting |= set(_USED.findall(dump(used[name])))
        return dict(sorted(used.items()))


def _shorten(schemas: list[Any]) -> list[Any]:
    """Without pydantic's long names, and without defaults that say nothing."""
    text = _LONG_NAME.sub(lambda m: m[1].title().replace("_", "") + m[2], dump(schemas))
    shortened: list[Any] = json.loads(text, object_hook=_drop_empty_default)
    return shortened


def dump(value: Any) -> str:  # JSON
    """JSON as text."""
    return json.dumps(value, default=str)


def _drop_empty_default(value: Document) -> Document:
    if value.get("default", 0) in (None, []) and {"type", "anyOf", "$ref"} & set(value):
        del value["default"]
    return value


def _list_types(entry: Entry) -> Iterable[tuple[Any, Any]]:
    declaration = entry.declaration
    for kind, mode in (
        (declaration.query, "validation"),
        (declaration.body, "validation"),
        *((answer, "serialization") for answer in declaration.answers.values()),
    ):
        kinds = kind.kinds.values() if isinstance(kind, Content) else [kind]
        for each in kinds:
            if each is not None and not isinstance(each, Mapping):
                yield each, mode


def _describe(entry: Entry, schemas: _Schemas) -> Document:
    declaration = entry.declaration
    described: Document = {
        "operationId": entry.name,
        "tags": [entry.tag],
        "summary": entry.summary,
        "x-labeldock-needs": declaration.needs.value,
        "parameters": [*_list_path(entry), *_list_query(declaration.query, schemas)],
        "responses": {
            **_list_answers(entry, schemas),
            **{
                str(status): {"$ref": f"#/components/responses/{name_status(status)}"}
                for status in list_statuses(entry)
                if status not in declaration.answers
            },
        },
    }
    if entry.description:
        described["description"] = entry.description
    if declaration.body is not None:
        described["requestBody"] = _describe_body(declaration.body, schemas)
    if declaration.needs is Need.NOTHING:
        described["security"] = []
    return described


def _list_path(entry: Entry) -> list[Document]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_KINDS.get(kind, {"type": "string", "minLength": 1}),
        }
        for name, kind in entry.parameters
    ]


def _list_query(model: type[BaseModel] | None, schemas: _Schemas) -> Iterable[Document]:
    if model is None:
        return
    reference = schemas.find(model, "validation")["$ref"].removeprefix(_REFERENCE)
    schema = schemas.known[reference]
    for name, told in schema["properties"].items():
        inner = _drop_null(told)
        parameter = {"name": name, "in": "query", "schema": inner}
        if name in schema.get("required", ()):
            parameter["required"] = True
        if description := inner.pop("description", None):
            parameter["description"] = description
        yield parameter


def _drop_null(schema: Document) -> Document:
    """A parameter that may be left out is not sent as null."""
    plain = {k: v for k, v in schema.items() if k != "title"}
    if plain.get("default", 0) is None:
        del plain["default"]
    choices = plain.get("anyOf", [])
    real = [choice for choice in choices if choice != {"type": "null"}]
    if len(real) == 1 and len(choices) == 2:
        return {**{k: v for k, v in plain.items() if k != "anyOf"}, **real[0]}
    return plain


def _describe_body(body: type[BaseModel] | Content, schemas: _Schemas) -> Document:
    content = body if isinstance(body, Content) else Content({"application/json": body})
    described: Document = {"content": _list_content(content, schemas, "validation")}
    if content.description:
        described["description"] = content.description
    return described


def _list_answers(entry: Entry, schemas: _Schemas) -> Document:
    answers: Document = {}
    for status, kind in entry.declaration.answers.items():
        content = kind if isinstance(kind, Content) else None
        if kind is not None and content is None:
            content = Content({"application/json": kind})
        answer: Document = {"description": "Done, with nothing to say."}
        if content is not None:
            answer["description"] = content.description or entry.summary
        if content is not None and content.kinds:
            answer["content"] = _list_content(content, schemas, "serialization")
        if isinstance(entry.declaration.body, type):
            note = "Fields that were sent and cannot be set."
            schema = {"type": "string"}
            answer["headers"] = {
                IGNORED_HEADER: {"description": note, "schema": schema}
            }
        answers[str(status)] = answer
    return answers


def _list_content(content: Content, schemas: _Schemas, mode: str) -> Document:
    described = {}
    for kind, told in content.kinds.items():
        schema = schemas.find(told, mode)
        described[kind] = {"schema": schema}
        if kind == "application/json":
            described[kind]["example"] = build_example(schema, schemas.known)
    return described

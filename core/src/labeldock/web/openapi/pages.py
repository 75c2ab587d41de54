"""The schema for people: an index of the operations, and a page for each heading."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_REFERENCE: Final = "#/components/"
_METHODS: Final = ("get", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of a body."""

    name: str
    place: str
    kind: str
    is_required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent or answered, in one content type."""

    content_type: str
    kind: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: str
    text: str
    bodies: tuple[Body, ...]

    @property
    def is_error(self) -> bool:
        """Whether it is a refusal, whose body is the same everywhere."""
        return self.status >= "400"


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as a page shows it."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    needs: str
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    replies: tuple[Reply, ...]


class Pages:
    """A document, cut into pages."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the document; pages are made when they are asked for."""
        self._document = document

    def list_headings(self) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
        """Each heading with its operations: name, method, path, summary."""
        headings: dict[str, list[tuple[str, str, str, str]]] = {}
        for path, method, told in self._iterate():
            line = (told["operationId"], method.upper(), path, told["summary"])
            headings.setdefault(told["tags"][0], []).append(line)
        return sorted(headings.items())

    def list_operations(self, heading: str) -> list[OperationView]:
        """The operations under a heading; none if there is no such heading."""
        return [
            self._view(path, method, told)
            for path, method, told in self._iterate()
            if heading in told["tags"]
        ]

    def _iterate(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for path, methods in self._document["paths"].items():
            for method in _METHODS:
                if method in methods:
                    yield path, method, methods[method]

    def _view(self, path: str, method: str, told: Mapping[str, Any]) -> OperationView:
        return OperationView(
            name=told["operationId"],
            method=method.upper(),
            path=path,
            summary=told["summary"],
            text=told.get("description", ""),
            needs=told["x-labeldock-needs"],
            parameters=tuple(map(self._view_parameter, told["parameters"])),
            bodies=self._view_bodies(told.get("requestBody", {})),
            replies=tuple(
                self._view_reply(status, reply)
                for status, reply in told["responses"].items()
            ),
        )

    def _view_parameter(self, told: Mapping[str, Any]) -> Field:
        is_required, text = told.get("required", False), told.get("description", "")
        kind = self._name_kind(told["schema"])
        return Field(told["name"], told["in"], kind, is_required, text)

    def _view_reply(self, status: str, told: Mapping[str, Any]) -> Reply:
        told = self._resolve(told)
        bodies = () if status >= "400" else self._view_bodies(told)
        return Reply(status, told["description"], bodies)

    def _view_bodies(self, told: Mapping[str, Any]) -> tuple[Body, ...]:
        return tuple(
            self._view_body(kind, content)
            for kind, content in told.get("content", {}).items()
        )

    def _view_body(self, content_type: str, told: Mapping[str, Any]) -> Body:
        schema = self._resolve(told["schema"])
        inner = self._resolve(schema.get("items", {})) if "items" in schema else schema
        required = inner.get("required", ())
        fields = tuple(
            Field(name, "body", self._name_kind(each), name in required, _tell(each))
            for name, each in inner.get("properties", {}).items()
        )
        example = json.dumps(told["example"], indent=2) if "example" in told else ""
        return Body(content_type, self._name_kind(told["schema"]), fields, example)

    def _resolve(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = told.get("$ref")
        if reference is None:
            return told
        folder, _, name = reference.removeprefix(_REFERENCE).partition("/")
        found: Mapping[str, Any] = self._document["components"][folder][name]
        return found

    def _name_kind(self, schema: Mapping[str, Any]) -> str:
        if "$ref" in schema:
            return str(schema["$ref"].rpartition("/")[2])
        if "enum" in schema:
            return " | ".join(json.dumps(value) for value in schema["enum"])
        if "const" in schema:
            return json.dumps(schema["const"])
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            return " | ".join(self._name_kind(choice) for choice in choices)
        kind = str(schema.get("type", "any"))
        if kind == "array" and schema.get("items"):
            return f"list of {self._name_kind(schema['items'])}"
        return f"{kind} ({schema['format']})" if "format" in schema else kind


def _tell(schema: Mapping[str, Any]) -> str:
    text = str(schema.get("description", ""))
    return f"{text} Never shown.".strip() if schema.get("writeOnly") else text

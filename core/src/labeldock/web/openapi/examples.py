"""An example for a schema, made of what the schema says: its own, or the simplest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_REFERENCE: Final = "#/components/schemas/"
_FORMATS: Final = {
    "date-time": "2026-01-31T12:00:00.000000Z",
    "date": "2026-01-31",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "uri": "https://labeldock.example.org/",
    "email": "ada@example.org",
    "binary": "...",
    "password": "...",
}
_PLAIN: Final[Mapping[str, Any]] = {
    "boolean": False,
    "null": None,
    "string": "text",
    "object": {},
}
Schema = Mapping[str, Any]


def build_example(schema: Schema, known: Mapping[str, Schema]) -> Any:  # JSON
    """A value that the schema describes.

    Args:
        schema: of what.
        known: the schemas that it may refer to.
    """
    reference = schema.get("$ref")
    if reference:
        return build_example(known[reference.removeprefix(_REFERENCE)], known)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return build_example(choices[0], known)
    return _build_typed(schema, known)


def _build_typed(schema: Schema, known: Mapping[str, Schema]) -> Any:  # JSON
    kind = schema.get("type", "object")
    if kind == "object":
        shown = schema.get("properties", {}).items()
        return {n: build_example(s, known) for n, s in shown if not s.get("readOnly")}
    if kind == "array":
        return [build_example(schema["items"], known)] if _has_items(schema) else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    text = _FORMATS.get(schema.get("format", ""), _PLAIN.get(kind))
    return text if kind != "string" else _fit(str(text), schema)


def _has_items(schema: Schema) -> bool:
    return bool(schema.get("items")) and schema.get("maxItems", 1) > 0


def _fit(text: str, schema: Schema) -> str:
    padded = text.ljust(schema.get("minLength", 0), "x")
    return padded[: schema.get("maxLength", len(padded))]

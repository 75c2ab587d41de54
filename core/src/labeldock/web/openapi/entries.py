"""The operations of an application's routes, one by one, as readers name them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.routing import BaseRoute, Route

from labeldock.web.operations import Declaration, Operation, operations_of

_PARAMETER: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
_SECTIONS: Final = ("Args:", "Raises:", "Returns:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One method of one path.

    Attributes:
        path: as OpenAPI writes it: `/api/projects/{id}`.
        method: in capitals.
        declaration: what the endpoint says of itself.
        parameters: the names in the path, each with its kind (`int`, `str`, `path`).
        summary: the first paragraph of the endpoint's docstring.
        description: what follows there.
    """

    path: str
    method: str
    declaration: Declaration
    parameters: tuple[tuple[str, str], ...]
    summary: str
    description: str

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        words = re.findall(r"\w+", self.path)
        return "_".join([self.method.lower(), *words])

    @property
    def tag(self) -> str:
        """The heading that it stands under."""
        if self.declaration.tag:
            return self.declaration.tag
        words = [w for w in self.path.split("/") if w and not w.startswith("{")]
        words = words[1:] if words[0] == "api" else words
        if words[0] != "storages" or words[-1:] in (["storages"], ["types"]):
            return words[0]
        is_export = words[1:2] == ["export"]
        provider = words[2:3] if is_export else words[1:2]
        return "-".join([words[0], *provider])


def list_entries(routes: Iterable[BaseRoute]) -> Iterator[Entry]:
    """Every declared operation; of a path with and without a slash, the first."""
    seen: set[tuple[str, str]] = set()
    for route in routes:
        for method, operation in operations_of(route).items():
            if operation.declaration is None or not isinstance(route, Route):
                continue
            key = (method, route.path.rstrip("/"))
            if key not in seen:
                seen.add(key)
                yield _build(route.path, method, operation)


def _build(path: str, method: str, operation: Operation) -> Entry:
    assert operation.declaration
    summary, description = _read_docstring(operation.endpoint)
    return Entry(
        path=_PARAMETER.sub(r"{\1}", path),
        method=method,
        declaration=operation.declaration,
        parameters=tuple((n, k or "str") for n, k in _PARAMETER.findall(path)),
        summary=summary,
        description=description,
    )


def _read_docstring(endpoint: Callable[..., Any]) -> tuple[str, str]:
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    paragraphs = (inspect.getdoc(endpoint) or "").split("\n\n")
    texts = [" ".join(p.split()) for p in paragraphs if not p.startswith(_SECTIONS)]
    return texts[0], "\n\n".join(texts[1:])

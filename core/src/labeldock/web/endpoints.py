"""From a plain function to a route of the API.

An endpoint is a function from a `Call` to a response, and takes the query and the body
as the models that it declares (`operations`). It runs in a thread, since the services
block; the body has been read and parsed by then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.web.authentication import public
from labeldock.web.bodies import read_body
from labeldock.web.context import context_of
from labeldock.web.fields import LARGEST_ID, parse_boolean, parse_integer
from labeldock.web.inputs import read_fields, read_query
from labeldock.web.operations import Operation, attach_operations, read_operation


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read: who asks, for what, with which values."""

    request: Request
    body: Any  # whatever JSON knows

    @property
    def app(self) -> AppContext:
        """The parts that services work with."""
        return context_of(self.request).app

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return context_of(self.request).principal

    @property
    def values(self) -> dict[str, Any]:
        """The body's fields.

        Raises:
            InvalidInput: the body is not an object, or a text has a U+0000 in it,
                which not every database can hold.
        """
        if not isinstance(self.body, dict):
            kind = type(self.body).__name__
            raise InvalidInput(f"Invalid data: expected a JSON object, not a {kind}.")
        for name, value in self.body.items():
            if isinstance(value, str) and "\0" in value:
                raise InvalidInput("Null characters are not allowed.", field=name)
        return self.body

    def path_id(self, name: str = "id") -> int:
        """A number of the path.

        Raises:
            NotFound: no row can have such a number.
        """
        number = int(self.request.path_params[name])
        if number > LARGEST_ID:
            raise NotFound("Not found.")
        return number

    def query_text(self, name: str) -> str | None:
        """A parameter of the query, None if it is left out or empty."""
        return self.request.query_params.get(name, "").strip() or None

    def query_integer(self, name: str) -> int | None:
        """A number of the query."""
        text = self.query_text(name)
        return None if text is None else parse_integer(text, name)

    def query_boolean(self, name: str, *, default: bool) -> bool:
        """A truth value of the query."""
        text = self.query_text(name)
        return default if text is None else parse_boolean(text, name)


Endpoint = Callable[..., Response | Coroutine[Any, Any, Response]]
"""From a `Call`, and `query` and `body` if it asks for them, to a response.

It runs in a thread; what it gives back to be awaited goes on without one.
"""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


Reader = Callable[[Request], Coroutine[Any, Any, Any]]
"""Reads a request's body into what the endpoint finds in `Call.body`."""


def build_route(path: str, **endpoints: Endpoint) -> Route:
    """One path and its endpoint per method: `build_route("/api/x", GET=list_x)`."""
    return build_reading_route(path, read_body, **endpoints)


def build_reading_route(path: str, read: Reader, /, **endpoints: Endpoint) -> Route:
    """The same with a reader of its own, for bodies that are not values."""
    operations = {name: read_operation(each) for name, each in endpoints.items()}

    async def answer(request: Request) -> Response:
        return await _run(operations, read, request)

    attach_operations(answer, operations)
    if all(each.is_public for each in operations.values()):
        public(answer)

    # The route takes every method, so that a wrong one is told from a wrong path even
    # where a more general path follows in the table.
    return Route(path, answer, methods=_METHODS, name=path)


def build_public_route(path: str, **endpoints: Endpoint) -> Route:
    """The same for what answers without a login."""
    route = build_route(path, **endpoints)
    public(route.endpoint)
    return route


async def _run(
    operations: Mapping[str, Operation], read: Reader, request: Request
) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in operations:
        raise HTTPException(
            405,
            f'Method "{request.method}" not allowed.',
            headers={"Allow": ", ".join(operations)},
        )
    body = {} if method == "GET" else await read(request)
    call, notes = Call(request, body), dict[str, str]()
    answer = await run_in_threadpool(_answer, operations[method], call, notes)
    response = answer if isinstance(answer, Response) else await answer
    response.headers.update(notes)
    return response


def _answer(
    operation: Operation, call: Call, notes: dict[str, str]
) -> Response | Coroutine[Any, Any, Response]:
    """Read what the operation declares, and call its endpoint.

    Args:
        operation: what is asked for.
        call: by whom, with what.
        notes: receives the header that names ignored fields.
    """
    inputs: dict[str, BaseModel] = {}
    query = operation.declaration.query if operation.declaration else None
    if query is not None:
        inputs["query"] = read_query(call.request, query)
    if operation.model is not None:
        inputs["body"], ignored = read_fields(call.values, operation.model)
        notes.update(ignored)
    answer: Response | Coroutine[Any, Any, Response]
    answer = operation.endpoint(call, **inputs)
    return answer

"""What an endpoint declares of itself, for its checks, the schema and the permissions.

An operation is one method of one path. The decorator says what it needs and answers;
the endpoint's own parameters say what it reads:

    @operation(Permission.VIEW, returns=list[RunShape])
    def list_runs(call: Call, query: RunQuery) -> Response: ...

    @operation(Need.LOGIN, returns=ProjectShape, status=201)
    def create_project(call: Call, body: ProjectBody) -> Response: ...

`query` and `body` are validated before the endpoint is called, by the models that the
schema shows. The first paragraph of the docstring is the summary.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from starlette.routing import BaseRoute, Route

from labeldock.contract.errors import LabeldockError
from labeldock.services.access import Permission

_DECLARATION: Final = "labeldock_declaration"
_OPERATIONS: Final = "labeldock_operations"
EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


class Need(StrEnum):
    """What a route needs where it is not a permission."""

    NOTHING = "nothing"  # answers without a login
    LOGIN = "login"  # shows and changes what is the caller's
    MEMBER = "organization.view"
    HEAD = "organization.change"
    ADMIN = "installation"


@dataclass(frozen=True, slots=True)
class Content:
    """A body that is not, or not only, JSON.

    Attributes:
        kinds: content types, each with a type or a JSON schema.
        description: what it is.
    """

    kinds: Mapping[str, Any]
    description: str = ""


FILE: Final[Mapping[str, Any]] = {"type": "string", "format": "binary"}
"""The schema of bytes that are not described further."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the decorator says.

    Attributes:
        needs: who may.
        answers: status -> type of the JSON, `Content`, or None for no body.
        errors: kinds that do not go without saying.
        query: the model of the query, unless the endpoint's signature says it.
        body: the same of the body; or `Content`, which the endpoint reads itself.
        tag: the heading in the schema; else the first part of the path.
        is_shown: whether the schema shows it; pages for people are not shown.
    """

    needs: Need | Permission
    answers: Mapping[int, Any] = field(default_factory=dict)
    errors: tuple[type[LabeldockError], ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | Content | None = None
    tag: str | None = None
    is_shown: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint and its declaration; without one it is not documented."""

    endpoint: Callable[..., Any]
    declaration: Declaration | None

    @property
    def model(self) -> type[BaseModel] | None:
        """What validates the body, if it is JSON."""
        body = self.declaration.body if self.declaration else None
        return None if isinstance(body, Content) else body

    @property
    def is_public(self) -> bool:
        """Whether it answers without a login."""
        return bool(self.declaration and self.declaration.needs is Need.NOTHING)


def operation(
    needs: Need | Permission,
    returns: Any = None,  # a type
    *,
    status: int | None = None,
    **more: Any,  # further attributes of `Declaration`; `answers` beside the usual one
) -> Callable[[EndpointT], EndpointT]:
    """Declare an endpoint.

    Args:
        needs: what the caller needs; the service checks it.
        returns: the type of the answer's JSON, `Content`, or None for no body.
        status: of that answer; without it 200, or 204 if nothing is returned.
        more: `answers`, `errors`, `query`, `body`, `tag`, `is_shown` as in
            `Declaration`.
    """
    usual = status or (204 if returns is None else 200)
    answers = {usual: returns, **more.pop("answers", {})}
    declaration = Declaration(needs, answers, **more)

    def declare(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, _DECLARATION, declaration)
        return endpoint

    return declare


def page(needs: Need | Permission) -> Callable[[EndpointT], EndpointT]:
    """Declare a page for people: in the permission table, not in the schema."""
    kinds = Content({"text/html": {"type": "string"}})
    return operation(needs, kinds, is_shown=False)


def adapt(endpoint: Callable[..., Any], **changes: Any) -> Callable[..., Any]:
    """The same endpoint with another declaration, e.g. with a provider's own models.

    Args:
        endpoint: a declared one.
        changes: attributes of the declaration, and arguments of the endpoint.
    """
    declaration = getattr(endpoint, _DECLARATION)
    told = {k: changes.pop(k) for k in Declaration.__slots__ if k in changes}
    adapted = partial(endpoint, **changes)
    setattr(adapted, _DECLARATION, replace(declaration, **told))
    return adapted


def read_operation(endpoint: Callable[..., Any]) -> Operation:
    """An endpoint with what it declares, its signature included."""
    declaration: Declaration | None = getattr(endpoint, _DECLARATION, None)
    if declaration is None:
        return Operation(endpoint, None)
    function = endpoint
    while isinstance(function, partial):
        function = function.func
    names = set(inspect.signature(function).parameters)
    hints = typing.get_type_hints(function) if names & {"query", "body"} else {}
    told = {name: hints[name] for name in ("query", "body") if name in names}
    stated = {n: v for n, v in told.items() if getattr(declaration, n) is None}
    return Operation(endpoint, replace(declaration, **stated))


def attach_operations(
    endpoint: Callable[..., Any], operations: Mapping[str, Operation]
) -> None:
    """Remember what a route's methods are."""
    setattr(endpoint, _OPERATIONS, operations)


def operations_of(route: BaseRoute) -> Mapping[str, Operation]:
    """The operations of a route by their method; HEAD goes with GET.

    An endpoint that is given to Starlette as it is has one operation for all methods.
    """
    if not isinstance(route, Route):
        return {}
    attached: Mapping[str, Operation] = getattr(route.endpoint, _OPERATIONS, {})
    if attached:
        return attached
    methods = sorted((route.methods or set()) - {"HEAD"})
    return dict.fromkeys(methods, read_operation(route.endpoint))

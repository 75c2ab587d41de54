"""/api/events: where buckets send their notifications, and who may.

The sender brings the storage's token, in the query (`?token=`) or in a header
(`Authorization: Bearer`), and is not logged in otherwise. It is checked before the body
is read.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import NotAuthenticated, NotFound
from labeldock.services.access import Permission
from labeldock.services.events import inbox, inlets
from labeldock.services.events.envelopes import parse_notice
from labeldock.services.events.inbox import InboxFull
from labeldock.services.events.inlets import InletView
from labeldock.web.authentication import public, read_token
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import LARGEST_ID
from labeldock.web.inputs import Query
from labeldock.web.operations import Content, Need, operation
from labeldock.web.rendering import render_json, render_nothing

_METHODS: Final = ("POST", "OPTIONS")
_LONGEST_ORIGIN: Final = 255


class SenderQuery(Query):
    """Who sends."""

    token: str | None = Field(default=None, description="The token of the storage.")


class OpenedShape(TypedDict):
    """Where notifications go to; shown once."""

    storage: int
    token: str
    url: str


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        Route("/api/events/{id:int}", receive, methods=_METHODS, name="events"),
        build_route(
            "/api/events/{id:int}/token",
            GET=show_inlet,
            POST=open_inlet,
            DELETE=close_inlet,
        ),
    ]


@public
@operation(
    Need.NOTHING,
    returns=dict[str, Any],
    query=SenderQuery,
    body=Content({"application/json": {}, "text/plain": {"type": "string"}}),
    errors=(NotAuthenticated, NotFound),
)
async def receive(request: Request) -> Response:
    """Take a notification, or shake hands with whoever is to send some."""
    app = context_of(request).app
    storage_id = request.path_params["id"]
    token = request.query_params.get("token") or read_token(request) or ""
    number = storage_id if storage_id <= LARGEST_ID else 0
    await run_in_threadpool(inlets.authenticate_sender, app, number, token)
    if request.method == "OPTIONS":
        return _allow_origin(request)
    body = await _read(request, app.settings.events_max_bytes)
    notice = await run_in_threadpool(parse_notice, body)
    if notice.validation_code is not None:
        return render_json({"validationResponse": notice.validation_code})
    try:
        done = await run_in_threadpool(inbox.accept_notice, app, number, notice)
    except InboxFull as error:  # senders come again after a 503
        raise HTTPException(503, error.message, {"Retry-After": "60"}) from None
    return render_json(asdict(done))


def _allow_origin(request: Request) -> Response:
    """The handshake of the CloudEvents webhook specification."""
    origin = request.headers.get("webhook-request-origin", "")
    if not origin or len(origin) > _LONGEST_ORIGIN or not origin.isprintable():
        raise HTTPException(400, "The header WebHook-Request-Origin is missing.")
    headers = {
        "Allow": "POST",
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": "*",
    }
    return Response(status_code=200, headers=headers)


async def _read(request: Request, limit: int) -> bytes:
    """The body, whatever its content type says: topics send JSON as text/plain."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise HTTPException(413, f"The body is larger than {limit} bytes.")
        parts.append(part)
    return b"".join(parts)


@operation(Permission.MANAGE, returns=InletView)
def show_inlet(call: Call) -> Response:
    """Whether a storage takes notifications, and how it goes."""
    return render_json(
        asdict(inlets.show_inlet(call.app, call.principal, call.path_id()))
    )


@operation(Permission.MANAGE, returns=OpenedShape, status=201)
def open_inlet(call: Call) -> Response:
    """Let a storage take notifications; the answer is the only one with its token."""
    storage_id = call.path_id()
    token = inlets.open_inlet(call.app, call.principal, storage_id)
    base = call.app.settings.public_url or str(call.request.base_url)
    path = f"{inlets.PATH}{storage_id}"
    url = f"{base.rstrip('/')}{path}?token={token}"
    return render_json({"storage": storage_id, "token": token, "url": url}, 201)


@operation(Permission.MANAGE)
def close_inlet(call: Call) -> Response:
    """Take no more notifications."""
    inlets.close_inlet(call.app, call.principal, call.path_id())
    return render_nothing()

"""What happens to every request before and after the endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeldock import telemetry
from labeldock.services import auditing
from labeldock.services.auditing import Origin
from labeldock.services.context import AppContext
from labeldock.settings import Settings
from labeldock.web.authentication import find_address
from labeldock.web.callers import CallerCache
from labeldock.web.context import RequestContext, set_context
from labeldock.web.login_limits import LoginLimits
from labeldock.web.rate_limits import RateLimits

CORRELATION_HEADER: Final = "X-Correlation-Id"
API_PREFIX: Final = "/api/"
RawHeaders = list[tuple[bytes, bytes]]


class ContextMiddleware:
    """Gives each request its context, and its id to the log and to the client."""

    def __init__(self, app: ASGIApp, parts: AppContext, rates: RateLimits) -> None:
        """Keep what endpoints work with."""
        self._app = app
        self._parts = parts
        self._callers = CallerCache()
        self._logins = LoginLimits()
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(CORRELATION_HEADER, "")
        wanted = telemetry.pick_correlation_id(given)
        with telemetry.correlate(wanted) as correlation_id:
            context = RequestContext(
                self._parts, self._callers, self._logins, self._rates, correlation_id
            )
            set_context(HTTPConnection(scope), context)
            headers = encode_headers({CORRELATION_HEADER: correlation_id})
            with auditing.acting_from(Origin(find_address(scope), "web")):
                await self._app(scope, receive, _add_headers(send, headers))


# Pictures and recordings come from whatever host a bucket has, by redirect; scripts
# come from nowhere, unless the answer is a page of ours (`allow_own_scripts`).
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data: http: https:; "
    "media-src 'self' http: https:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_FEATURES: Final = (
    "accelerometer", "browsing-topics", "camera", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "usb",
)  # fmt: skip
_YEAR: Final = 365 * 86400


def build_security_headers(settings: Settings) -> dict[str, str]:
    """What every answer tells browsers not to do.

    Pictures may be shown by pages of those other origins alone that the operator lists.
    """
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": (
            "cross-origin" if settings.cors_origins else "same-origin"
        ),
        "Permissions-Policy": ", ".join(f"{name}=()" for name in _FEATURES),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if settings.public_url.startswith("https:"):
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return headers


class SecurityHeaders:
    """Tells browsers what not to do; an endpoint may be stricter."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand before the application."""
        self._app = app
        self._headers = encode_headers(build_security_headers(settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self._app(scope, receive, _add_headers(send, self._headers))


def allow_own_scripts() -> dict[str, str]:
    """The policy of a page: its scripts are files of ours, never part of its text."""
    scripts = "script-src 'self'; connect-src 'self'"
    return {"Content-Security-Policy": f"{_POLICY}; {scripts}"}


def encode_headers(headers: Mapping[str, str]) -> RawHeaders:
    """Headers as ASGI wants them."""
    return [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]


def _add_headers(send: Send, headers: RawHeaders) -> Send:
    """A `send` that adds those headers that a response does not bring itself."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", ()))
            present = {name for name, _ in own}
            message["headers"] = own + [h for h in headers if h[0] not in present]
        await send(message)

    return send_with_headers


class BodyLimit:
    """Refuses a body that is too large, announced or not, before it is in memory."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """Stand before the application."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limit:
            raise self._refuse()
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._refuse()
            return message

        await self._app(scope, receive_within_limit, send)

    def _refuse(self) -> HTTPException:
        size = f"{self._limit / 1024**2:.4g} MiB"
        return HTTPException(413, f"The request body is larger than {size}.")


class SlashRule:
    """Lets every path of the API be written with or without a slash at its end.

    Nothing has a name with U+0000 in it, which not every database could look up.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before the router, whose API paths have none."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope.get("path", "")
        if "\0" in path:
            raise HTTPException(404, "Not found.")
        if path.startswith(API_PREFIX) and path.endswith("/"):
            scope["path"] = path.removesuffix("/")
        await self._app(scope, receive, send)

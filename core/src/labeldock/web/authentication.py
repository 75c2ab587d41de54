"""Who asks: a token, or a browser's session cookie.

A route needs a login unless its endpoint is marked `public`. A cookie is sent by the
browser whoever made the page, so what changes something must come from our own pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from labeldock.contract.errors import NotAllowed, NotAuthenticated
from labeldock.services import access, personal_tokens, scopes
from labeldock.services.access import Principal
from labeldock.web import sessions
from labeldock.web.context import context_of

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])

_PUBLIC: Final = "labeldock_public"
_WITH_CREDENTIALS: Final = {"/api/token/refresh", "/api/events/{id:int}"}
_SCHEMES: Final = {"token", "bearer"}
_SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}
_OWN_SITES: Final = {"same-origin", "none"}  # "none": typed or reloaded by the user


def public(endpoint: EndpointT) -> EndpointT:
    """Mark an endpoint that answers without a login."""
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def is_public(route: BaseRoute) -> bool:
    """Whether a route answers without a login."""
    return getattr(getattr(route, "endpoint", None), _PUBLIC, False)


def require_login(route: Route, *, is_counted: bool = True) -> Route:
    """Put the login before a route, unless its endpoint is public.

    Args:
        route: it is changed.
        is_counted: whether requests count towards the rate limit of the caller.
    """
    if not is_public(route):
        route.app = LoginRequired(route.app, is_counted=is_counted)
    elif route.path in _WITH_CREDENTIALS:
        route.app = StrangersLimited(route.app)
    return route


class LoginRequired:
    """Lets a request through once it is known who asks."""

    def __init__(self, app: ASGIApp, *, is_counted: bool) -> None:
        """Stand before an endpoint."""
        self._app = app
        self._is_counted = is_counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out, or raise NotAuthenticated."""
        request = Request(scope)
        context = context_of(request)
        context.user = await identify(request)
        if self._is_counted:
            await context.rate_limits.count_caller(context.user)
        await self._app(scope, receive, send)


class StrangersLimited:
    """Looks at credentials in the body or the query only while an address has luck."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before a public endpoint that checks them itself."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        limits = context_of(Request(scope)).rate_limits
        limits.refuse_stranger(find_address(scope))
        await self._app(scope, receive, send)


async def identify(request: Request) -> Principal:
    """Who asks; from memory if they asked within the last second.

    Raises:
        NotAuthenticated: no credentials, or none that are valid.
        NotAllowed: a foreign page sent the cookie.
    """
    context = context_of(request)
    token = read_token(request)
    if token is not None:
        load = partial(personal_tokens.authenticate, context.app, token)
        principal = await _find_caller(request, f"token {token}", load)
        if request.method not in _SAFE_METHODS:
            # Whatever a route is for: a token for reading changes nothing.
            access.require_scope(principal, scopes.Scope.ANNOTATE)
        return principal
    cookie = request.cookies.get(sessions.COOKIE, "")
    session = sessions.read_session(context.app.vault, cookie)
    if session is None:
        raise NotAuthenticated("Authentication credentials were not provided.")
    if request.method not in _SAFE_METHODS:
        ensure_own_page(request)
    context.uses_cookie = True
    user_id, stamp = session.user_id, session.stamp
    load = partial(access.load_session, context.app, user_id, stamp)
    return await _find_caller(request, f"user {user_id} {stamp}", load)


async def _find_caller(
    request: Request, credential: str, load: Callable[[], Principal]
) -> Principal:
    """From memory, or from the database, unless the address has tried too often."""
    context = context_of(request)
    known = context.callers.recall(credential)
    if known is not None:
        return known
    context.rate_limits.refuse_stranger(find_address(request.scope))
    return await context.callers.find(credential, load)


def find_address(scope: Scope) -> str:
    """The address that a request comes from, as the server knows it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def read_token(request: Request) -> str | None:
    """The personal token of a request, if it brings one."""
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in _SCHEMES:
        return request.headers.get("x-api-key") or None
    if not token.strip() or " " in token.strip():
        raise NotAuthenticated("Invalid token header.")
    return token.strip()


def ensure_own_page(request: Request) -> None:
    """Check that the request was sent by a page of ours.

    Raises:
        NotAllowed: it was not, or the browser does not say.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site in _OWN_SITES:
        return
    origin = request.headers.get("origin")
    if origin in context_of(request).app.settings.cors_origins:
        return  # the operator says that those pages are ours, too
    if site is None and origin and _is_own_origin(request, origin):
        return
    raise NotAllowed(
        "The request did not come from a page of this site.",
        remedy="Reload the page and try again; scripts send a token instead.",
    )


def _is_own_origin(request: Request, origin: str) -> bool:
    public_url = context_of(request).app.settings.public_url
    own = {request.headers.get("host", ""), urlsplit(public_url).netloc} - {""}
    return urlsplit(origin).netloc in own

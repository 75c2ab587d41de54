"""Logging in with an OpenID provider: the way there, and the way back.

What has to be remembered meanwhile is in a signed cookie of the browser that left: only
it can finish what it began.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import NotAuthenticated, NotFound
from labeldock.db.secrets import Vault
from labeldock.services.accounts.accepting import look_at_invitation
from labeldock.services.accounts.invitations import INVITATION_PATH
from labeldock.services.accounts.openid.claims import Claims, Journey
from labeldock.services.accounts.openid.logging_in import log_in_with_openid
from labeldock.settings import Settings
from labeldock.web.console.login import (
    HOME_PATH,
    LOGIN_PATH,
    OPENID_PATH,
    read_target,
    render_login,
)
from labeldock.web.endpoints import Call, build_route
from labeldock.web.links import build_address
from labeldock.web.operations import Need, page
from labeldock.web.sessions import is_https, start_session

if TYPE_CHECKING:
    from labeldock.services.accounts.openid.provider import OpenIdProvider

CALLBACK_PATH: Final = f"{OPENID_PATH}callback"
_COOKIE: Final = "labeldock_openid"
_SECONDS: Final = 600  # that somebody may take to log in there
_PURPOSE: Final = "openid journey"


def list_routes() -> list[Route]:
    """The routes of this module; without a provider they are not found."""
    return [
        build_route(OPENID_PATH, GET=begin_login),
        build_route(CALLBACK_PATH, GET=finish_login),
        build_route(f"{OPENID_PATH}logout", GET=leave_provider),
    ]


@page(Need.NOTHING)
def begin_login(call: Call) -> Response:
    """Send somebody to the provider."""
    target = read_target(call.query_text("next"))
    try:
        url, journey = _provider(call).begin(_address(call, CALLBACK_PATH), target)
    except NotAuthenticated as error:
        return render_login(call, target, problem=error.message)
    response = RedirectResponse(url, 303)
    response.set_cookie(
        _COOKIE,
        seal_journey(call.app.vault, journey),
        max_age=_SECONDS,
        path=OPENID_PATH,
        httponly=True,
        samesite="lax",
        secure=is_https(call.request),
    )
    return response


@page(Need.NOTHING)
def finish_login(call: Call) -> Response:
    """Log in whom the provider sends back."""
    provider = _provider(call)
    cookie = call.request.cookies.get(_COOKIE, "")
    journey = open_journey(call.app.vault, cookie)
    target = read_target(journey.target) if journey else HOME_PATH
    try:
        claims = _find_claims(call, provider, journey)
        login = log_in_with_openid(call.app, claims, _find_invitation(target))
    except NotAuthenticated as error:
        response = render_login(call, target, problem=_join(error))
    else:
        response = RedirectResponse(_choose_target(call, target), 303)
        start_session(call.request, response, login)
    response.delete_cookie(_COOKIE, path=OPENID_PATH)
    return response


def _find_claims(
    call: Call, provider: OpenIdProvider, journey: Journey | None
) -> Claims:
    if journey is None:
        raise NotAuthenticated("This login took too long, or began elsewhere.")
    query = dict(call.request.query_params)
    return provider.finish(_address(call, CALLBACK_PATH), journey, query)


@page(Need.NOTHING)
def leave_provider(call: Call) -> Response:
    """Send somebody to the provider's own log-out, if it has one."""
    url = _provider(call).find_logout_url(_address(call, LOGIN_PATH))
    return RedirectResponse(url or LOGIN_PATH, 303)


def seal_journey(vault: Vault, journey: Journey, now: float | None = None) -> str:
    """A journey as the value of a cookie."""
    issued = int(time.time() if now is None else now)
    raw = orjson.dumps({"journey": asdict(journey), "issued": issued})
    payload = base64.urlsafe_b64encode(raw).decode()
    return f"{payload}.{_sign(vault, payload)}"


def open_journey(vault: Vault, value: str, now: float | None = None) -> Journey | None:
    """The journey of a cookie; None if it is forged, damaged or too old."""
    payload, _, signature = value.rpartition(".")
    if not hmac.compare_digest(_sign(vault, payload).encode(), signature.encode()):
        return None
    content = orjson.loads(base64.urlsafe_b64decode(payload))
    age = (time.time() if now is None else now) - content["issued"]
    return Journey(**content["journey"]) if age < _SECONDS else None


def _sign(vault: Vault, payload: str) -> str:
    key = vault.derive_key(_PURPOSE)
    return hmac.digest(key, payload.encode(), hashlib.sha256).hex()


@lru_cache(maxsize=8)  # one; in tests there are several
def _build_provider(settings: Settings) -> OpenIdProvider:
    from labeldock.services.accounts.openid.provider import (  # noqa: PLC0415  12 MB
        OpenIdProvider,
    )

    return OpenIdProvider(settings)


def _provider(call: Call) -> OpenIdProvider:
    if not call.app.settings.openid_issuer:
        raise NotFound("Not found.")
    return _build_provider(call.app.settings)


def _address(call: Call, path: str) -> str:
    """The address that the provider sends people back to; it has to know it."""
    return build_address(call.request, path)


def _find_invitation(target: str) -> str | None:
    if not target.startswith(INVITATION_PATH):
        return None
    return target.removeprefix(INVITATION_PATH).partition("?")[0] or None


def _choose_target(call: Call, target: str) -> str:
    """Where to go now; not back to an invitation that was used up just now."""
    invitation = _find_invitation(target)
    if invitation is None:
        return target
    try:
        look_at_invitation(call.app, invitation)
    except NotFound:
        return HOME_PATH
    return target


def _join(error: NotAuthenticated) -> str:
    return f"{error.message} {error.remedy}" if error.remedy else error.message

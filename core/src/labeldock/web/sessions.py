"""The session cookie: who logged in and when, signed, so that no session is stored.

It carries a stamp that changes when its user logs out or changes the password.
The key is derived from the installation's master key; rotating that ends all sessions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from labeldock.db.secrets import Vault
from labeldock.services.access import Login
from labeldock.web.context import context_of

COOKIE: Final = "labeldock_session"
LIFETIME: Final = 14 * 24 * 3600  # seconds
_CLOCK_SKEW: Final = 300  # seconds that two web processes may differ


@dataclass(frozen=True, slots=True)
class Session:
    """Whom a cookie names, and the stamp by which it is known whether it was ended."""

    user_id: int
    stamp: str


def build_session(
    vault: Vault, user_id: int, stamp: str, now: float | None = None
) -> str:
    """The cookie's value for a user who just logged in."""
    issued = int(time.time() if now is None else now)
    payload = f"{user_id}.{issued}.{stamp}"
    return f"{payload}.{_sign(vault, payload)}"


def read_session(vault: Vault, value: str, now: float | None = None) -> Session | None:
    """Whose session it is; None if it is forged, damaged or expired."""
    payload, _, signature = value.rpartition(".")
    if not hmac.compare_digest(_sign(vault, payload).encode(), signature.encode()):
        return None
    user_id, _, rest = payload.partition(".")
    issued, _, stamp = rest.partition(".")
    age = (time.time() if now is None else now) - int(issued)
    is_valid = -_CLOCK_SKEW <= age < LIFETIME
    return Session(int(user_id), stamp) if is_valid else None


def _sign(vault: Vault, payload: str) -> str:
    key = vault.derive_key("session")
    digest = hmac.digest(key, payload.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def start_session(request: Request, response: Response, login: Login) -> None:
    """Log a browser in."""
    vault = context_of(request).app.vault
    response.set_cookie(
        COOKIE,
        build_session(vault, login.principal.user_id, login.stamp),
        max_age=LIFETIME,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )


def end_session(request: Request, response: Response) -> None:
    """Log a browser out."""
    response.delete_cookie(
        COOKIE, httponly=True, samesite="lax", secure=is_https(request)
    )


def is_https(request: Request) -> bool:
    """Whether browsers reach us by https, perhaps through a proxy that ends it."""
    public_url = context_of(request).app.settings.public_url
    return request.url.scheme == "https" or public_url.startswith("https:")

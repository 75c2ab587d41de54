"""What every endpoint is given: the parts, who asks, and how to find it in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from labeldock.contract.errors import NotAuthenticated
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.web.callers import CallerCache
from labeldock.web.login_limits import LoginLimits
from labeldock.web.rate_limits import RateLimits

_KEY: Final = "labeldock"


@dataclass(slots=True)
class RequestContext:
    """One per request; `context_of(request)` gives it."""

    app: AppContext
    callers: CallerCache
    login_limits: LoginLimits
    rate_limits: RateLimits
    correlation_id: str
    user: Principal | None = None
    uses_cookie: bool = False

    @property
    def principal(self) -> Principal:
        """Who asks.

        Raises:
            NotAuthenticated: nobody is logged in; only on public routes.
        """
        if self.user is None:
            raise NotAuthenticated("Authentication credentials were not provided.")
        return self.user


def context_of(connection: HTTPConnection) -> RequestContext:
    """The context of a request."""
    context: RequestContext = getattr(connection.state, _KEY)
    return context


def set_context(connection: HTTPConnection, context: RequestContext) -> None:
    """Give a request its context; the middleware does."""
    setattr(connection.state, _KEY, context)

"""Logging in and out with a browser."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from labeldock.contract.errors import NotAuthenticated
from labeldock.services import access
from labeldock.web.authentication import ensure_own_page
from labeldock.web.console.commands import CREATE_USER
from labeldock.web.console.rendering import render_page
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call
from labeldock.web.sessions import end_session, start_session

LOGIN_PATH: Final = "/user/login/"
HOME_PATH: Final = "/"


def show_login(call: Call) -> Response:
    """The login form."""
    return _render(call, target=read_target(call.query_text("next")))


def submit_login(call: Call) -> Response:
    """Check the login and go on to the page that was asked for."""
    ensure_own_page(call.request)
    fields = {name: str(call.values.get(name, "")) for name in ("email", "password")}
    target = read_target(str(call.values.get("next", "")))
    limits, address = context_of(call.request).login_limits, _find_address(call)
    if wait := limits.take(fields["email"], address):
        return _refuse_for_now(call, target, fields["email"], wait)
    try:
        login = access.open_session(call.app, fields["email"], fields["password"])
    except NotAuthenticated as error:
        return _render(call, target, email=fields["email"], problem=error.message)
    limits.give_back(fields["email"], address)
    response = RedirectResponse(target, 303)
    start_session(call.request, response, login)
    return response


def submit_logout(call: Call) -> Response:
    """End the sessions of whoever asks, in this browser and in others."""
    access.end_sessions(call.app, call.principal.user_id)
    response = RedirectResponse(LOGIN_PATH, 303)
    end_session(call.request, response)
    return response


def read_target(path: str | None) -> str:
    """Where to go after the login: a path of this site, whatever was asked for."""
    is_local = bool(path) and path is not None and path.startswith("/")
    if not path or not is_local or path.startswith("//") or "\\" in path:
        return HOME_PATH
    return path if path.isprintable() else HOME_PATH


def redirect_to_login(request: Request) -> Response:
    """Send somebody to the login, to come back to this page afterwards."""
    target = request.url.path
    if request.url.query:
        target = f"{target}?{request.url.query}"
    suffix = "" if target == HOME_PATH else f"?next={quote(target, safe='/')}"
    return RedirectResponse(f"{LOGIN_PATH}{suffix}", 303)


def _find_address(call: Call) -> str:
    client = call.request.client
    return client.host if client else ""


def _refuse_for_now(call: Call, target: str, email: str, wait: float) -> Response:
    minutes = math.ceil(wait / 60)
    problem = f"Too many logins failed. Try again in {minutes} min."
    response = _render(call, target, email=email, problem=problem)
    response.status_code = 429
    response.headers["Retry-After"] = str(math.ceil(wait))
    del response.headers["WWW-Authenticate"]  # it is about the 401 of a wrong password
    return response


def _render(call: Call, target: str, email: str = "", problem: str = "") -> Response:
    values = {
        "target": "" if target == HOME_PATH else target,
        "email": email,
        "problem": problem,
        "create_user": "" if access.count_users(call.app) else CREATE_USER,
    }
    status, headers = (401, {"WWW-Authenticate": "Token"}) if problem else (200, {})
    return render_page(
        call.request, "login.html", values, status=status, headers=headers
    )

"""Logging in and out with a browser."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import NotAuthenticated
from labeldock.services import access, logins
from labeldock.services.accounts.login_limits import give_back_attempt, take_attempt
from labeldock.settings import Settings
from labeldock.web.authentication import ensure_own_page
from labeldock.web.console.commands import CREATE_USER
from labeldock.web.console.kept import keep_form, read_kept
from labeldock.web.console.rendering import render_page
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call, build_route
from labeldock.web.login_limits import name_limits
from labeldock.web.operations import Need, page
from labeldock.web.sessions import end_session, start_session

LOGIN_PATH: Final = "/user/login/"
OPENID_PATH: Final = "/user/openid/"
HOME_PATH: Final = "/"


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(LOGIN_PATH, GET=show_login, POST=submit_login),
        build_route("/user/logout/", POST=submit_logout),
    ]


@page(Need.NOTHING)
def show_login(call: Call) -> Response:
    """The login form."""
    target = read_target(call.query_text("next"))
    return render_login(call, target, has_left="left" in call.request.query_params)


@page(Need.NOTHING)
def submit_login(call: Call) -> Response:
    """Check the login and go on to the page that was asked for."""
    ensure_own_page(call.request)
    fields = {name: str(call.values.get(name, "")) for name in ("email", "password")}
    target = read_target(str(call.values.get("next", "")))
    limits, address = context_of(call.request).login_limits, _find_address(call)
    named = name_limits(fields["email"], address)
    wait = limits.take(fields["email"], address) or take_attempt(call.app, named)
    if wait:
        return _refuse_for_now(call, target, fields["email"], wait)
    try:
        login = logins.log_in_with_password(
            call.app, fields["email"], fields["password"]
        )
    except NotAuthenticated as error:
        return render_login(call, target, email=fields["email"], problem=error.message)
    limits.give_back(fields["email"], address)
    give_back_attempt(call.app, named)
    response = _go_on(call, target)
    start_session(call.request, response, login)
    return response


def _go_on(call: Call, target: str) -> Response:
    """The page that was asked for, or the form that was filled in for it."""
    kept = read_kept(call.values, target)
    if kept is None:
        return RedirectResponse(target, 303)
    return render_page(call.request, "resume.html", {"kept": kept})


async def keep_and_ask(request: Request) -> Response:
    """The login for a form whose session ended while it was filled in."""
    kept = await keep_form(request)
    has_users = await run_in_threadpool(access.count_users, context_of(request).app)
    values = {
        **_describe_openid(context_of(request).app.settings, HOME_PATH),
        "has_left": False,
        "target": request.url.path,
        "email": "",
        "problem": "Your session has ended. Log in to go on.",
        "create_user": "" if has_users else CREATE_USER,
        "kept": kept,
    }
    headers = {"WWW-Authenticate": "Token"}
    return render_page(request, "login.html", values, status=401, headers=headers)


@page(Need.LOGIN)
def submit_logout(call: Call) -> Response:
    """End the sessions of whoever asks, in this browser and in others."""
    logins.log_out(call.app, call.principal)
    # The provider's own session may go on: the login page tells how to end it, too.
    left = "?left" if call.app.settings.openid_issuer else ""
    response = RedirectResponse(f"{LOGIN_PATH}{left}", 303)
    end_session(call.request, response)
    return response


def read_target(path: str | None) -> str:
    """Where to go after the login: a path of this site, whatever was asked for."""
    is_local = bool(path) and path is not None and path.startswith("/")
    if not path or not is_local or path.startswith("//") or "\\" in path:
        return HOME_PATH
    return path if path.isprintable() else HOME_PATH


def _describe_openid(settings: Settings, target: str) -> dict[str, str]:
    path = f"{OPENID_PATH}?next={quote(target, safe='/')}"
    return {
        "openid_path": path if settings.openid_issuer else "",
        "openid_name": settings.openid_name,
    }


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
    response = render_login(call, target, email=email, problem=problem)
    response.status_code = 429
    response.headers["Retry-After"] = str(math.ceil(wait))
    del response.headers["WWW-Authenticate"]  # it is about the 401 of a wrong password
    return response


def render_login(
    call: Call,
    target: str,
    *,
    email: str = "",
    problem: str = "",
    has_left: bool = False,
) -> Response:
    """The login form, with what went wrong."""
    values = {
        **_describe_openid(call.app.settings, target),
        "has_left": has_left,
        "target": "" if target == HOME_PATH else target,
        "email": email,
        "problem": problem,
        "create_user": "" if access.count_users(call.app) else CREATE_USER,
        "kept": read_kept(call.values, target) if call.body else None,
    }
    status, headers = (401, {"WWW-Authenticate": "Token"}) if problem else (200, {})
    return render_page(
        call.request, "login.html", values, status=status, headers=headers
    )

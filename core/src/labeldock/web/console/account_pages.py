"""Pages for who comes in by a link: one-time links, and invitations.

Looking at a page uses nothing up; sending its form does.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import Conflict, InvalidInput, NotAuthenticated
from labeldock.services import access
from labeldock.services.access import Login, Principal
from labeldock.services.accounts.accepting import (
    accept_invitation,
    look_at_invitation,
    sign_up,
)
from labeldock.services.accounts.invitations import INVITATION_PATH
from labeldock.services.accounts.links import (
    LINK_PATH,
    LinkPurpose,
    look_at_link,
    use_link,
)
from labeldock.web import sessions
from labeldock.web.authentication import ensure_own_page
from labeldock.web.console.forms import Form
from labeldock.web.console.login import HOME_PATH, LOGIN_PATH, OPENID_PATH
from labeldock.web.console.rendering import render_page
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

# The path is the secret: no other site is told where somebody came from.
_HEADERS: Final = {"Referrer-Policy": "no-referrer"}
_FIELDS: Final = ("email", "first_name", "last_name", "password")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(LINK_PATH + "{token}", GET=show_link, POST=submit_link),
        build_route(
            INVITATION_PATH + "{token}", GET=show_invitation, POST=submit_invitation
        ),
    ]


@page(Need.NOTHING)
def show_link(call: Call) -> Response:
    """What a one-time link is for, with the form that uses it."""
    return _render_link(call, Form())


@page(Need.NOTHING)
def submit_link(call: Call) -> Response:
    """Log in, with a new password if the link is for one."""
    ensure_own_page(call.request)
    values = _read_values(call)
    try:
        login = use_link(call.app, _read_token(call), values)
    except (InvalidInput, Conflict) as error:
        return _render_link(call, Form.refused(_without_password(values), error), 400)
    return _start(call, login)


@page(Need.NOTHING)
def show_invitation(call: Call) -> Response:
    """What an invitation is to, with the way to accept it."""
    return _render_invitation(call, Form())


@page(Need.NOTHING)
def submit_invitation(call: Call) -> Response:
    """Join: as who is logged in, or as somebody new."""
    ensure_own_page(call.request)
    token, visitor = _read_token(call), find_visitor(call)
    if visitor is not None:
        accept_invitation(call.app, visitor, token)
        return RedirectResponse(HOME_PATH, 303, _HEADERS)
    values = _read_values(call)
    try:
        login = sign_up(call.app, token, values)
    except (InvalidInput, Conflict) as error:
        form = Form.refused(_without_password(values), error)
        return _render_invitation(call, form, 400)
    return _start(call, login)


def find_visitor(call: Call) -> Principal | None:
    """Who is logged in where nobody has to be."""
    app = call.app
    cookie = call.request.cookies.get(sessions.COOKIE, "")
    session = sessions.read_session(app.vault, cookie)
    if session is None:
        return None
    try:
        return access.load_session(app, session.user_id, session.stamp)
    except NotAuthenticated:
        return None


def _start(call: Call, login: Login) -> Response:
    response = RedirectResponse(HOME_PATH, 303, _HEADERS)
    sessions.start_session(call.request, response, login)
    return response


def _render_link(call: Call, form: Form, status: int = 200) -> Response:
    link = look_at_link(call.app, _read_token(call))
    values = {
        "link": link,
        "form": form,
        "sets_password": link.purpose is not LinkPurpose.LOGIN,
        "is_setup": link.purpose is LinkPurpose.SETUP,
    }
    return render_page(
        call.request, "link.html", values, status=status, headers=_HEADERS
    )


def _render_invitation(call: Call, form: Form, status: int = 200) -> Response:
    glimpse = look_at_invitation(call.app, _read_token(call))
    visitor = context_of(call.request).user = find_visitor(call)
    is_theirs = visitor is not None and glimpse.email in {None, visitor.email}
    path, settings = call.request.url.path, call.app.settings
    values = {
        "invitation": glimpse,
        "form": form,
        "visitor": visitor,
        "is_theirs": is_theirs,
        "login_path": f"{LOGIN_PATH}?next={path}",
        "openid_path": f"{OPENID_PATH}?next={path}" if settings.openid_issuer else "",
        "openid_name": settings.openid_name,
    }
    return render_page(
        call.request, "invitation.html", values, status=status, headers=_HEADERS
    )


def _read_token(call: Call) -> str:
    return str(call.request.path_params["token"])


def _read_values(call: Call) -> dict[str, str]:
    # A password is taken as it was typed, spaces and all.
    return {n: str(call.values[n]) for n in _FIELDS if n in call.values}


def _without_password(values: dict[str, str]) -> dict[str, str]:
    return {n: value for n, value in values.items() if n != "password"}

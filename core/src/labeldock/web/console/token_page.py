"""The reader's own access tokens: what they may do, until when; made and revoked."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services import tokens
from labeldock.services.scopes import MEANINGS, Scope
from labeldock.web.console.forms import REFUSALS, Form
from labeldock.web.console.notes import go_to
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

_PATH: Final = "/user/tokens/"
_DAYS: Final = (("30", "30 days"), ("90", "90 days"), ("365", "a year"))
_FOR_EVER: Final = ("", "as long as the operator permits")
_ORDER: Final = tuple(Scope)


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(_PATH, GET=show_tokens, POST=create),
        build_route(f"{_PATH}{{token:int}}/revoke/", POST=revoke),
    ]


@page(Need.LOGIN)
def show_tokens(call: Call, form: Form | None = None, made: str = "") -> Response:
    """The tokens, and the form for another; `made` is shown this once."""
    found = tokens.list_tokens(call.app, call.principal)
    values = {
        "tokens": [token for token in found if token.is_in_force],
        "over": [token for token in found if not token.is_in_force],
        "made": made,
        "form": form or Form({"scope": Scope.MANAGE, "expires_in_days": "90"}),
        "scopes": [
            (scope.value, f"{scope.value}: {MEANINGS[scope]}") for scope in _ORDER
        ],
        "days": [*_DAYS, _FOR_EVER],
        "path": _PATH,
    }
    shell = load_shell(call.request, [Crumb("Projects", "/"), Crumb("Access tokens")])
    status = 400 if form else 200
    return render_page(call.request, "tokens.html", values, shell=shell, status=status)


@page(Need.LOGIN)
def create(call: Call) -> Response:
    """Make a token; this answer is the only one that holds it."""
    sent = {name: str(value) for name, value in call.values.items()}
    wanted = sent.get("scope", "")
    widest = _ORDER.index(Scope(wanted)) if wanted in set(Scope) else 0
    values = {**sent, "scopes": list(_ORDER[: widest + 1])}
    try:
        wish = tokens.read_wish(values)
        _, text = tokens.create_key(call.app, call.principal, wish)
    except REFUSALS as error:
        return show_tokens(call, Form.refused(sent, error))
    return show_tokens(call, made=text)


@page(Need.LOGIN)
def revoke(call: Call) -> Response:
    """End a token."""
    tokens.revoke_token(call.app, call.principal, call.path_id("token"))
    return go_to(call.request, _PATH, "token-revoked")

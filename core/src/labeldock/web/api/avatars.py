"""/api/users/N/avatar: one's own picture."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput, NotAllowed
from labeldock.services import avatars
from labeldock.web.api.people import UserShape
from labeldock.web.api.users import render_user
from labeldock.web.endpoints import Call, build_reading_route
from labeldock.web.operations import FILE, Content, Need, operation
from labeldock.web.rendering import render_nothing

_PICTURE: Final = Content({
    "multipart/form-data": {"type": "object", "properties": {"avatar": FILE}},
})  # fmt: skip


def list_routes() -> list[Route]:
    """The routes of this module."""
    path = "/api/users/{id:int}/avatar"
    return [
        build_reading_route(path, _read_form, POST=save_avatar, DELETE=remove_avatar)
    ]


@operation(Need.LOGIN, returns=UserShape, body=_PICTURE, errors=(NotAllowed,))
def save_avatar(call: Call) -> Response:
    """Give oneself a picture."""
    _require_self(call)
    if not call.body:
        raise InvalidInput("There is no file in the form.", field="avatar")
    return render_user(call, avatars.save_avatar(call.app, call.principal, call.body))


@operation(Need.LOGIN, errors=(NotAllowed,))
def remove_avatar(call: Call) -> Response:
    """Have no picture any more."""
    _require_self(call)
    avatars.remove_avatar(call.app, call.principal)
    return render_nothing()


def _require_self(call: Call) -> None:
    if call.path_id() != call.principal.user_id:
        raise NotAllowed("Everybody chooses their own picture.")


async def _read_form(request: Request) -> bytes:
    if request.method != "POST":
        return b""
    async with request.form() as form:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                return await value.read()
    return b""

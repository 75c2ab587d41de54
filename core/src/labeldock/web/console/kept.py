"""Forms whose session ended while somebody filled them in: nothing typed is lost.

The login that they are shown carries what was sent, and afterwards offers to send it
again. Only what came from a page of ours is kept: a foreign page must not have somebody
confirm what it made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from labeldock.contract.errors import InvalidInput, NotAllowed
from labeldock.web.authentication import ensure_own_page
from labeldock.web.bodies import read_form

PREFIX: Final = "kept."
ACTION: Final = "kept-action"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that could not be sent: where it goes, and its fields."""

    action: str
    fields: Mapping[str, str] = field(default_factory=dict)


async def keep_form(request: Request) -> Kept | None:
    """What a form holds that was refused for want of a session; None if it is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method != "POST" or kind != _FORM:
        return None
    try:
        ensure_own_page(request)
        fields = await read_form(request)
    except (InvalidInput, NotAllowed, HTTPException):
        return None
    return Kept(request.url.path, fields)


def read_kept(values: Mapping[str, Any], target: str) -> Kept | None:
    """What a login carries; `target` is where it goes, a path of this site."""
    if not values.get(ACTION):
        return None
    fields = {
        name.removeprefix(PREFIX): str(value)
        for name, value in values.items()
        if name.startswith(PREFIX)
    }
    return Kept(target, fields)

"""How the API shows users, and the names of whoever did something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeldock.services.access import Principal, UserName

Names = Mapping[int, UserName]


def shape_person(names: Names, user_id: int | None) -> dict[str, Any] | None:
    """A user as others see them; None if there is no such user any more."""
    user = names.get(user_id or 0)
    if user is None:
        return None
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "avatar": None,
    }


def shape_caller(principal: Principal) -> dict[str, Any]:
    """The user who asks, with the keys that clients know."""
    return {
        "id": principal.user_id,
        "username": principal.email,
        "email": principal.email,
        "first_name": principal.first_name,
        "last_name": principal.last_name,
        "initials": principal.email[:2],
        "phone": "",
        "avatar": None,
        "is_admin": principal.is_admin,
        "active_organization": 1,
        "active_organization_meta": {"title": "Labeldock", "email": ""},
        "allow_newsletters": False,
        "permissions": [],
    }


def render_username(names: Names, user_id: int | None) -> str:
    """Who did something, as one line."""
    user = names.get(user_id or 0)
    if user is None:
        return ""
    full_name = f"{user.first_name} {user.last_name}".strip()
    return f"{full_name} {user.email}, {user.id}".strip()

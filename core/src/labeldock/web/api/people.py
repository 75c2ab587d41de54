"""How the API shows users, and the names of whoever did something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from typing_extensions import TypedDict

from labeldock.services.access import Principal, UserName
from labeldock.services.people import Person

Names = Mapping[int, UserName]


class PersonShape(TypedDict):
    """A user as others see them."""

    id: int
    first_name: str
    last_name: str
    email: str
    avatar: str | None
    initials: str


def shape_person(names: Names, user_id: int | None) -> PersonShape | None:
    """A user as others see them; None if there is no such user any more."""
    user = names.get(user_id or 0)
    if user is None:
        return None
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "avatar": user.avatar or None,
        "initials": user.email[:2],
    }


class OrganizationMeta(TypedDict):
    """What clients show of the organisation."""

    title: str
    email: str


class UserHead(TypedDict):
    """What is told of any user."""

    id: int
    username: str
    email: str
    first_name: str
    last_name: str
    initials: str
    phone: str
    avatar: str | None
    active_organization: int | None
    active_organization_meta: OrganizationMeta
    allow_newsletters: bool


class UserShape(UserHead):
    """A user, as the list of users shows them."""

    date_joined: datetime
    last_activity: datetime


class CallerShape(UserShape):
    """The user who asks."""

    is_admin: bool
    permissions: list[str]
    custom_hotkeys: dict[str, str]


class OrganizationPart(TypedDict):
    """Where somebody is."""

    active_organization: int | None
    active_organization_meta: OrganizationMeta


def shape_organization(
    organization_id: int | None, titles: Mapping[int, str]
) -> OrganizationPart:
    """Where somebody is, as far as the caller knows the organisation."""
    title = titles.get(organization_id or 0, "")
    known = organization_id if title else None
    return {
        "active_organization": known,
        "active_organization_meta": {"title": title, "email": ""},
    }


def shape_member(person: Person) -> PersonShape:
    """A user as a member of something."""
    return {
        "id": person.id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "avatar": person.avatar or None,
        "initials": person.email[:2],
    }


def shape_caller(
    principal: Principal, person: Person, titles: Mapping[int, str]
) -> CallerShape:
    """The user who asks, with the keys that clients know."""
    return {
        "date_joined": person.created_at,
        "last_activity": person.last_activity or person.created_at,
        "custom_hotkeys": {},
        "id": principal.user_id,
        "username": principal.email,
        "email": principal.email,
        "first_name": principal.first_name,
        "last_name": principal.last_name,
        "initials": principal.email[:2],
        "phone": "",
        "avatar": person.avatar or None,
        "is_admin": principal.is_admin,
        **shape_organization(person.active_organization_id, titles),
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

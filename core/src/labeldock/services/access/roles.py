"""Roles, what each of them permits, and what a route can need."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeVar

from labeldock.contract.errors import InvalidInput
from labeldock.services.scopes import Scope

RoleT = TypeVar("RoleT", bound=StrEnum)


class Role(StrEnum):
    """What somebody is in a project."""

    OWNER = "owner"
    MANAGER = "manager"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class OrganizationRole(StrEnum):
    """What somebody is in an organisation.

    An administrator owns every project of it; a member makes projects, and knows the
    other members; a guest has the projects that they were given, and knows of no other.
    """

    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    GUEST = "guest"


class Permission(StrEnum):
    """What a route or command needs."""

    VIEW = "project.view"
    ANNOTATE = "annotation.create"
    MANAGE = "project.change"
    OWN = "project.delete"


GRANTS: Final = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.ANNOTATOR: frozenset({Permission.VIEW, Permission.ANNOTATE}),
    Role.MANAGER: frozenset({Permission.VIEW, Permission.ANNOTATE, Permission.MANAGE}),
    Role.OWNER: frozenset(Permission),
}
"""What each role in a project permits."""

SCOPES: Final = {
    Permission.VIEW: Scope.READ,
    Permission.ANNOTATE: Scope.ANNOTATE,
    Permission.MANAGE: Scope.MANAGE,
    Permission.OWN: Scope.ADMIN,
}
"""The scope that a token needs for each."""


def parse_role(kind: type[RoleT], role: object) -> RoleT:
    """A role in a project or in an organisation, by its name.

    Raises:
        InvalidInput: there is none of this name.
    """
    names = [each.value for each in kind]
    if not isinstance(role, str) or role not in names:
        raise InvalidInput(
            "There is no such role.",
            field="role",
            remedy=f"Give one of {', '.join(names)}.",
        )
    return kind(role)

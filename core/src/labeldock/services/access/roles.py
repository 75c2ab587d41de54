"""Roles, what each of them permits, and what a route can need."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from labeldock.services.scopes import Scope


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

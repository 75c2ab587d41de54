"""Members of a project, and what somebody may do in it."""

from __future__ import annotations

from typing import Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict
from labeldock.services.access import Permission, Role
from labeldock.services.accounts import project_members as services
from labeldock.services.accounts.effective import explain_permissions
from labeldock.services.accounts.project_members import ProjectMember
from labeldock.web.api.people import PersonShape, shape_member
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing

_PATH: Final = "/api/projects/{id:int}/members"


class ProjectMemberBody(Body):
    """A new member of a project."""

    user: Whole = Field(description="The number of a member of the organisation.")
    role: Role = Role.ANNOTATOR


class ProjectRoleBody(Body):
    """Another role."""

    role: Role


class PermissionQuery(Query):
    """Whose permissions."""

    user: Whole | None = Field(
        default=None, description="Of this user; for who manages the project."
    )


class ProjectMemberShape(TypedDict):
    """A member of a project."""

    id: int
    project: int
    user: PersonShape
    role: str
    is_active: bool


class GrantShape(TypedDict):
    """A reason for permissions: a role, or being an administrator."""

    because: str
    role: str | None
    permissions: list[str]


class PermissionsShape(TypedDict):
    """What somebody may do in a project, and why.

    `scopes` is what the caller's token is good for; null without such a limit.
    """

    user: int
    project: int
    role: str | None
    organization_role: str | None
    is_admin: bool
    permissions: list[str]
    grants: list[GrantShape]
    scopes: list[str] | None


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(_PATH, GET=list_members, POST=add_member),
        build_route(
            _PATH + "/{user:int}",
            GET=get_member,
            PATCH=change_member,
            DELETE=remove_member,
        ),
        build_route("/api/projects/{id:int}/permissions", GET=get_permissions),
    ]


@operation(Permission.VIEW, returns=list[ProjectMemberShape])
def list_members(call: Call) -> Response:
    """The members of a project."""
    found, _ = services.list_project_members(call.app, call.principal, call.path_id())
    return render_json([_shape(member) for member in found])


@operation(
    Permission.MANAGE, returns=ProjectMemberShape, status=201, errors=(Conflict,)
)
def add_member(call: Call, body: ProjectMemberBody) -> Response:
    """Give a member of the organisation a role; owners are made by owners."""
    added = services.add_project_member(
        call.app, call.principal, call.path_id(), body.user, body.role.value
    )
    return render_json(_shape(added), 201)


@operation(Permission.VIEW, returns=ProjectMemberShape)
def get_member(call: Call) -> Response:
    """One member of a project."""
    number = call.path_id("user")
    found = services.get_project_member(
        call.app, call.principal, call.path_id(), number
    )
    return render_json(_shape(found))


@operation(Permission.MANAGE, returns=ProjectMemberShape, errors=(Conflict,))
def change_member(call: Call, body: ProjectRoleBody) -> Response:
    """Another role; of owners, by owners, and the last one stays one."""
    changed = services.change_project_member(
        call.app,
        call.principal,
        call.path_id(),
        call.path_id("user"),
        body.role.value,
    )
    return render_json(_shape(changed))


@operation(Permission.MANAGE, errors=(Conflict,))
def remove_member(call: Call) -> Response:
    """Take somebody out of a project, for its managers; anybody may go themselves."""
    services.remove_project_member(
        call.app, call.principal, call.path_id(), call.path_id("user")
    )
    return render_nothing()


@operation(Permission.VIEW, returns=PermissionsShape)
def get_permissions(call: Call, query: PermissionQuery) -> Response:
    """What the caller, or another user, may do in a project, and why."""
    found = explain_permissions(call.app, call.principal, call.path_id(), query.user)
    shown: PermissionsShape = {
        "user": found.user_id,
        "project": found.project_id,
        "role": found.role,
        "organization_role": found.organization_role,
        "is_admin": found.is_admin,
        "permissions": list(found.permissions),
        "grants": [
            {
                "because": grant.because,
                "role": grant.role,
                "permissions": list(grant.permissions),
            }
            for grant in found.grants
        ],
        "scopes": None if found.scopes is None else list(found.scopes),
    }
    return render_json(shown)


def _shape(member: ProjectMember) -> ProjectMemberShape:
    return {
        "id": member.person.id,
        "project": member.project_id,
        "user": shape_member(member.person),
        "role": member.role,
        "is_active": member.is_active,
    }

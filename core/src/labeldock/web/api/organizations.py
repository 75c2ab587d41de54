"""/api/organizations: teams, and who is in them as what."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict
from labeldock.services.access import OrganizationRole
from labeldock.services.accounts import members as services
from labeldock.services.accounts import organizations
from labeldock.services.accounts.members import MemberView
from labeldock.services.accounts.organizations import OrganizationView
from labeldock.web.api.paging import PageQuery, PageShape, render_page
from labeldock.web.api.people import PersonShape, shape_member
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Whole
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing

_PATH: Final = "/api/organizations"
_PAGE_SIZE: Final = 30
_LARGEST_PAGE: Final = 1000


class OrganizationBody(Body):
    """An organisation."""

    title: str = Field(description="Name shown to people, 1 to 100 characters.")


class MemberBody(Body):
    """A new member."""

    user: Whole = Field(description="The user's number.")
    role: OrganizationRole = OrganizationRole.MEMBER


class RoleBody(Body):
    """Another role."""

    role: OrganizationRole


class OrganizationShape(TypedDict):
    """An organisation; `role` is the caller's in it."""

    id: int
    title: str
    role: str | None
    contact_info: str | None
    created_by: int | None
    created_at: datetime
    members_count: int
    projects_count: int


class MemberShape(TypedDict):
    """A member of an organisation."""

    id: int
    organization: int
    user: PersonShape
    role: str
    is_active: bool
    created_at: datetime


def list_routes() -> list[Route]:
    """The routes of this module."""
    one, members = f"{_PATH}/{{id:int}}", f"{_PATH}/{{id:int}}/memberships"
    return [
        build_route(_PATH, GET=list_organizations, POST=create_organization),
        build_route(
            one,
            GET=get_organization,
            PATCH=rename_organization,
            DELETE=delete_organization,
        ),
        build_route(f"{one}/select", POST=select_organization),
        build_route(members, GET=list_members, POST=add_member),
        build_route(
            members + "/{user:int}",
            GET=get_member,
            PATCH=change_member,
            DELETE=remove_member,
        ),
    ]


@operation(Need.LOGIN, returns=list[OrganizationShape])
def list_organizations(call: Call) -> Response:
    """The organisations that the caller is in; an administrator sees all."""
    found = organizations.list_organizations(call.app, call.principal)
    return render_json([_shape(each) for each in found])


@operation(Need.ADMIN, returns=OrganizationShape, status=201)
def create_organization(call: Call, body: OrganizationBody) -> Response:
    """A new organisation, with the caller as its administrator."""
    made = organizations.create_organization(call.app, call.principal, body.title)
    return render_json(_shape(made), 201)


@operation(Need.MEMBER, returns=OrganizationShape)
def get_organization(call: Call) -> Response:
    """One organisation."""
    found = organizations.get_organization(call.app, call.principal, call.path_id())
    return render_json(_shape(found))


@operation(Need.HEAD, returns=OrganizationShape)
def rename_organization(call: Call, body: OrganizationBody) -> Response:
    """Another title; for its administrators."""
    changed = organizations.rename_organization(
        call.app, call.principal, call.path_id(), body.title
    )
    return render_json(_shape(changed))


@operation(Need.ADMIN, errors=(Conflict,))
def delete_organization(call: Call) -> Response:
    """Remove an organisation without projects; its members stay users."""
    organizations.delete_organization(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Need.MEMBER)
def select_organization(call: Call) -> Response:
    """Make it the one that the caller's new projects go to."""
    organizations.select_organization(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Need.MEMBER, returns=PageShape[MemberShape])
def list_members(call: Call, query: PageQuery) -> Response:
    """A page of the members; not for guests."""
    page = query.choose(size=_PAGE_SIZE, largest=_LARGEST_PAGE)
    found, total = services.list_members(
        call.app, call.principal, call.path_id(), offset=page.offset, limit=page.size
    )
    return render_json(
        render_page(call, page, total, [_shape_member(m) for m in found])
    )


@operation(Need.ADMIN, returns=MemberShape, status=201, errors=(Conflict,))
def add_member(call: Call, body: MemberBody) -> Response:
    """Put a user into an organisation; others than administrators invite them."""
    added = services.add_member(
        call.app, call.principal, call.path_id(), body.user, body.role.value
    )
    return render_json(_shape_member(added), 201)


@operation(Need.MEMBER, returns=MemberShape)
def get_member(call: Call) -> Response:
    """One member."""
    number = call.path_id("user")
    found = services.get_member(call.app, call.principal, call.path_id(), number)
    return render_json(_shape_member(found))


@operation(Need.HEAD, returns=MemberShape, errors=(Conflict,))
def change_member(call: Call, body: RoleBody) -> Response:
    """Another role; for administrators of the organisation."""
    changed = services.change_member(
        call.app,
        call.principal,
        call.path_id(),
        call.path_id("user"),
        body.role.value,
    )
    return render_json(_shape_member(changed))


@operation(Need.HEAD, errors=(Conflict,))
def remove_member(call: Call) -> Response:
    """Take somebody out of an organisation and its projects; anybody may go."""
    services.remove_member(
        call.app, call.principal, call.path_id(), call.path_id("user")
    )
    return render_nothing()


def _shape(organization: OrganizationView) -> OrganizationShape:
    return {
        "id": organization.id,
        "title": organization.title,
        "role": organization.role,
        "contact_info": None,
        "created_by": organization.created_by_id,
        "created_at": organization.created_at,
        "members_count": organization.members,
        "projects_count": organization.projects,
    }


def _shape_member(member: MemberView) -> MemberShape:
    return {
        "id": member.person.id,
        "organization": member.organization_id,
        "user": shape_member(member.person),
        "role": member.role,
        "is_active": member.is_active,
        "created_at": member.joined_at,
    }

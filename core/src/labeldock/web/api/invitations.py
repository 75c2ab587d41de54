"""Invitations into an organisation; /api/invite as clients of Label Studio know it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import NotFound
from labeldock.services.access import OrganizationRole, Role
from labeldock.services.accounts import invitations as services
from labeldock.services.accounts.invitations import (
    DEFAULT_DAYS,
    INVITATION_PATH,
    InvitationView,
    read_wish,
)
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Whole
from labeldock.web.links import build_address
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing

_PATH: Final = "/api/organizations/{id:int}/invitations"


class ProjectRole(Body):
    """A role in a project."""

    project: Whole
    role: Role


class InvitationBody(Body):
    """An invitation; nothing is required."""

    email: str | None = Field(
        default=None, description="Whom it is for, alone; left out, whoever has it."
    )
    role: OrganizationRole = Field(
        default=OrganizationRole.MEMBER, description="In the organisation."
    )
    projects: list[ProjectRole] = Field(
        default=[], description="Roles in its projects."
    )
    expires_in_days: Whole | None = Field(
        default=None, description=f"1 to 90; left out, {DEFAULT_DAYS}."
    )
    uses_limit: Whole | None = Field(
        default=1, description="How often it can be accepted; null without limit."
    )


class ProjectRoleShape(TypedDict):
    """A role in a project."""

    project: int
    role: str


class InvitationShape(TypedDict):
    """An invitation as it is shown: all but what makes it work."""

    id: int
    organization: int
    email: str | None
    role: str
    projects: list[ProjectRoleShape]
    uses: int
    uses_limit: int | None
    is_open: bool
    created_by: int | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class NewInvitationShape(InvitationShape):
    """A new invitation with its address, which is shown this once."""

    url: str


class InviteShape(TypedDict):
    """An open invitation as clients of Label Studio know it."""

    token: str
    invite_url: str


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(_PATH, GET=list_invitations, POST=create_invitation),
        build_route(_PATH + "/{invitation:int}", DELETE=revoke_invitation),
        build_route("/api/invite", GET=get_invite),
        build_route("/api/invite/reset-token", POST=reset_invite),
    ]


@operation(Need.HEAD, returns=list[InvitationShape])
def list_invitations(call: Call) -> Response:
    """The invitations of an organisation, newest first; for its administrators."""
    found = services.list_invitations(call.app, call.principal, call.path_id())
    return render_json([_shape(each) for each in found])


@operation(Need.HEAD, returns=NewInvitationShape, status=201)
def create_invitation(call: Call, body: InvitationBody) -> Response:
    """A new invitation; this answer is the only one that holds its address."""
    wish = read_wish(body.model_dump())
    made, token = services.create_invitation(
        call.app, call.principal, call.path_id(), wish
    )
    return render_json({**_shape(made), "url": _address(call, token)}, 201)


@operation(Need.HEAD)
def revoke_invitation(call: Call) -> Response:
    """End an invitation; whoever accepted it stays."""
    services.revoke_invitation(
        call.app, call.principal, call.path_id(), call.path_id("invitation")
    )
    return render_nothing()


@operation(Need.LOGIN, returns=InviteShape, errors=(NotFound,), tag="organizations")
def get_invite(call: Call) -> Response:
    """The open invitation cannot be shown again, since only its hash is kept.

    Raises:
        NotFound: always.
    """
    del call
    raise NotFound(
        "Invitations are stored as hashes and cannot be shown again.",
        remedy="Make a new one: POST /api/invite/reset-token.",
    )


@operation(
    Need.HEAD,
    returns=InviteShape,
    status=201,
    errors=(NotFound,),
    tag="organizations",
)
def reset_invite(call: Call) -> Response:
    """An open invitation to the active organisation, in the place of the last one."""
    _, token = services.replace_open_invitation(call.app, call.principal)
    address = _address(call, token)
    return render_json({"token": token, "invite_url": address}, 201)


def _address(call: Call, token: str) -> str:
    return build_address(call.request, f"{INVITATION_PATH}{token}")


def _shape(invitation: InvitationView) -> InvitationShape:
    roles: list[Any] = [
        {"project": number, "role": role}
        for number, role in invitation.projects.items()
    ]
    return {
        "id": invitation.id,
        "organization": invitation.organization_id,
        "email": invitation.email,
        "role": invitation.role,
        "projects": roles,
        "uses": invitation.uses,
        "uses_limit": invitation.uses_limit,
        "is_open": invitation.is_open,
        "created_by": invitation.created_by_id,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
        "revoked_at": invitation.revoked_at,
    }

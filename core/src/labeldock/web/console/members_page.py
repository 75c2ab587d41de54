"""Who is in a project, and as what; whom to invite."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import NotAllowed, NotFound
from labeldock.services.access import Permission, Role
from labeldock.services.accounts import invitations, project_members
from labeldock.services.accounts.invitations import INVITATION_PATH, InvitationView
from labeldock.services.accounts.members import MemberView, list_members
from labeldock.web.api.paging import read_page
from labeldock.web.console.forms import REFUSALS, Form, read_texts
from labeldock.web.console.home import number_pages
from labeldock.web.console.notes import go_to
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.operations import page

_MEMBERS: Final = 50
_CANDIDATES: Final = 200
_PATH: Final = "/projects/{id:int}/members/"
_ONE: Final = f"{_PATH}{{user:int}}/"
ROLES: Final = (
    (Role.VIEWER.value, "Viewer: sees everything, changes nothing"),
    (Role.ANNOTATOR.value, "Annotator: also labels"),
    (Role.MANAGER.value, "Manager: also storages, tasks, settings, members"),
    (Role.OWNER.value, "Owner: also deletes the project and names owners"),
)


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(_PATH, GET=show_members, POST=add),
        build_route(f"{_PATH}invite/", POST=invite),
        build_route(f"{_ONE}role/", POST=change),
        build_route(f"{_ONE}remove/", POST=remove),
    ]


@page(Permission.VIEW)
def show_members(call: Call) -> Response:
    """The members of a project; whoever manages it sees the forms, too."""
    return _show(open_project(call, "members"))


def _show(place: Workplace, form: Form | None = None, link: str = "") -> Response:
    call, project = place.call, place.project
    part = read_page(call, size=_MEMBERS, largest=_MEMBERS)
    found, total = project_members.list_project_members(
        call.app, call.principal, project.id, offset=part.offset, limit=part.size
    )
    part.check_end(total)
    open_invitations = _list_invitations(place)
    values = {
        "members": found,
        "total": total,
        "pager_of": number_pages(part, total),
        "candidates": _list_candidates(place, {each.person.id for each in found}),
        "invitations": open_invitations or [],
        "may_invite": open_invitations is not None,
        "form": form or Form({"role": Role.ANNOTATOR.value}),
        "link": link,
        "roles": ROLES,
        "me": call.principal.user_id,
    }
    return place.render("members.html", values, status=400 if form else 200)


def _list_candidates(place: Workplace, known: set[int]) -> list[MemberView]:
    """Who is in the organisation and not yet in the project."""
    if not place.may_manage:
        return []
    call = place.call
    try:
        found, _ = list_members(
            call.app,
            call.principal,
            place.project.organization_id,
            limit=_CANDIDATES,
        )
    except (NotAllowed, NotFound):  # a guest, who does not know the others
        return []
    return [each for each in found if each.is_active and each.person.id not in known]


def _list_invitations(place: Workplace) -> list[InvitationView] | None:
    """Those to this project that can be accepted still; None: not theirs to see."""
    call, number = place.call, place.project.id
    try:
        found = invitations.list_invitations(
            call.app, call.principal, place.project.organization_id
        )
    except (NotAllowed, NotFound):
        return None
    return [each for each in found if each.is_open and number in each.projects]


@page(Permission.MANAGE)
def add(call: Call) -> Response:
    """Give somebody of the organisation a role in the project."""
    place = open_project(call, "members", Permission.MANAGE)
    sent = read_texts(call, "user", "role")
    try:
        project_members.add_project_member(
            call.app,
            call.principal,
            place.project.id,
            parse_integer(sent["user"], "user"),
            sent["role"],
        )
    except REFUSALS as error:
        return _show(place, Form.refused(sent, error))
    return go_to(call.request, f"{place.path}members/", "saved")


@page(Permission.MANAGE)
def invite(call: Call) -> Response:
    """Make a link by which somebody joins; this answer is the only one that has it."""
    place = open_project(call, "members", Permission.MANAGE)
    sent = read_texts(call, "email", "role")
    entry = {"project": place.project.id, "role": sent["role"]}
    try:
        wish = invitations.read_wish({"email": sent["email"], "projects": [entry]})
        _, token = invitations.create_invitation(
            call.app, call.principal, place.project.organization_id, wish
        )
    except REFUSALS as error:
        return _show(place, Form.refused(sent, error))
    return _show(place, link=_address(call, token))


def _address(call: Call, token: str) -> str:
    public = context_of(call.request).app.settings.public_url.rstrip("/")
    base = public or str(call.request.base_url).rstrip("/")
    return f"{base}{INVITATION_PATH}{token}"


@page(Permission.MANAGE)
def change(call: Call) -> Response:
    """Give a member another role."""
    place = open_project(call, "members", Permission.MANAGE)
    return _try(place, project_members.change_project_member, call.values.get("role"))


@page(Permission.MANAGE)
def remove(call: Call) -> Response:
    """Take a member out of the project; anybody may go."""
    place = open_project(call, "members")
    is_self = call.path_id("user") == call.principal.user_id
    answer = _try(place, project_members.remove_project_member)
    is_done = isinstance(answer, RedirectResponse)
    return RedirectResponse("/", 303) if is_done and is_self else answer


def _try(place: Workplace, do: Any, *values: Any) -> Response:
    call = place.call
    try:
        do(call.app, call.principal, place.project.id, call.path_id("user"), *values)
    except REFUSALS as error:
        return _show(place, Form.refused({}, error))
    return go_to(call.request, f"{place.path}members/", "saved")

"""Backups of a project: made, watched, downloaded, and planned."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import Conflict, NotFound
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.access import Permission
from labeldock.services.backups import asking, plans, requests
from labeldock.services.backups.asking import BackupAsk
from labeldock.services.backups.plans import PlanDraft, PlanView
from labeldock.web.console.backup_views import view_request
from labeldock.web.console.forms import REFUSALS, Form, read_number, read_texts
from labeldock.web.console.notes import go_to
from labeldock.web.console.storage_views import name_storage
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_PATH: Final = "/projects/{id:int}/backups"
_SHOWN: Final = 50
_HERE: Final = ("", "Labeldock, to be downloaded")
# What errors call the fields of the forms.
_NAMES: Final = {"cloud_storage_id": "place", "location": "place"}
_PLAN_NAMES: Final = dict.fromkeys(_NAMES, "plan_place")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/", GET=show_backups, POST=make),
        build_route(f"{_PATH}/cancel/", POST=cancel),
        build_route(f"{_PATH}/plan/", POST=save_plan),
        build_route(f"{_PATH}/plan/remove/", POST=remove_plan),
    ]


@page(Permission.MANAGE)
def show_backups(call: Call) -> Response:
    """What was backed up, and the forms to do so."""
    return _show(open_project(call, "backups", Permission.MANAGE))


def _show(
    place: Workplace, form: Form | None = None, plan_form: Form | None = None
) -> Response:
    app, principal = place.call.app, place.call.principal
    number = place.project.id
    found = requests.list_requests(app, principal, project_id=number, limit=_SHOWN)
    lines = [view_request(each) for each in found]
    plan = _find_plan(place)
    values: dict[str, Any] = {
        "lines": lines,
        "is_active": any(line.is_active for line in lines),
        "differs": asking.find_kinds(
            app, principal, BackupAsk(number, lightweight=True)
        ),
        "places": _list_places(place),
        "plan": plan,
        "form": form or Form({"lightweight": "on"}),
        "plan_form": plan_form or _fill_in(plan),
        "path": f"{place.path}backups/",
    }
    status = 400 if form or plan_form else 200
    return place.render("backups.html", values, status=status)


def _list_places(place: Workplace) -> list[tuple[str, str]]:
    """Where an archive may go: here, or the buckets that the project exports to."""
    found = storages.list_storages(
        place.call.app,
        place.call.principal,
        place.project.id,
        Purpose.EXPORT,
        most_counted=1,
    )
    return [_HERE, *((str(each.id), name_storage(each)) for each in found)]


@page(Permission.MANAGE)
def make(call: Call) -> Response:
    """Ask for a backup."""
    place = open_project(call, "backups", Permission.MANAGE)
    texts = read_texts(call, "filename", "place")
    try:
        ask = BackupAsk(
            place.project.id,
            lightweight="lightweight" in call.values,
            filename=texts["filename"],
            location="cloud_storage" if texts["place"] else "local",
            storage_id=read_number(texts["place"], "place"),
        )
        asking.request_backup(call.app, call.principal, ask)
    except REFUSALS as error:
        return _show(place, Form.refused(call.values, error, _NAMES))
    return go_to(call.request, f"{place.path}backups/", "backup-asked")


@page(Permission.MANAGE)
def cancel(call: Call) -> Response:
    """Stop a backup."""
    place = open_project(call, "backups", Permission.MANAGE)
    try:
        requests.cancel_request(call.app, call.principal, str(call.values.get("id")))
    except Conflict:
        return go_to(call.request, f"{place.path}backups/", "request-over")
    return go_to(call.request, f"{place.path}backups/", "request-cancelled")


# By itself


def _find_plan(place: Workplace) -> PlanView | None:
    try:
        return plans.get_plan(place.call.app, place.call.principal, place.project.id)
    except NotFound:
        return None


def _fill_in(plan: PlanView | None) -> Form:
    if plan is None:
        return Form({"plan_lightweight": "on", "keep_count": "7"})
    return Form(
        {
            "schedule": plan.schedule,
            "plan_lightweight": plan.lightweight,
            "plan_place": str(plan.storage_id or ""),
            "keep_count": plan.keep_count,
            "keep_days": plan.keep_days,
        }
    )


@page(Permission.MANAGE)
def save_plan(call: Call) -> Response:
    """Back the project up by itself."""
    place = open_project(call, "backups", Permission.MANAGE)
    texts = read_texts(call, "schedule", "plan_place", "keep_count", "keep_days")
    try:
        draft = PlanDraft(
            texts["schedule"],
            lightweight="plan_lightweight" in call.values,
            location="cloud_storage" if texts["plan_place"] else "local",
            storage_id=read_number(texts["plan_place"], "plan_place"),
            keep_count=read_number(texts["keep_count"], "keep_count"),
            keep_days=read_number(texts["keep_days"], "keep_days"),
        )
        plans.save_plan(call.app, call.principal, place.project.id, draft)
    except REFUSALS as error:
        form = Form.refused(call.values, error, _PLAN_NAMES)
        return _show(place, plan_form=form)
    return go_to(call.request, f"{place.path}backups/", "saved")


@page(Permission.MANAGE)
def remove_plan(call: Call) -> Response:
    """Make no more backups by itself."""
    place = open_project(call, "backups", Permission.MANAGE)
    plans.remove_plan(call.app, call.principal, place.project.id)
    return go_to(call.request, f"{place.path}backups/", "plan-removed")

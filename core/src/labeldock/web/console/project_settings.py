"""The settings of a project: what it is called, how it is labelled; and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects
from labeldock.services.access import Permission
from labeldock.services.label_configs import check_label_config
from labeldock.web.console.forms import REFUSALS, Form, read_texts
from labeldock.web.console.notes import go_to
from labeldock.web.console.shell import Crumb
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.operations import page

_FIELDS: Final = ("title", "description", "label_config", "maximum_annotations")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/projects/{id:int}/settings/", GET=show_settings, POST=save),
        build_route("/projects/{id:int}/delete/", GET=ask_deletion, POST=delete),
    ]


@page(Permission.MANAGE)
def show_settings(call: Call, form: Form | None = None) -> Response:
    """The form with a project's settings."""
    place = open_project(call, "settings", Permission.MANAGE)
    shown = form or Form({name: getattr(place.project, name) for name in _FIELDS})
    values = {"form": shown, "names": _FIELDS}
    return place.render("project_settings.html", values, status=400 if form else 200)


@page(Permission.MANAGE)
def save(call: Call) -> Response:
    """Change a project."""
    place = open_project(call, "settings", Permission.MANAGE)
    sent = read_texts(call, *_FIELDS)
    try:
        projects.update_project(call.app, call.principal, place.project.id, _read(sent))
    except REFUSALS as error:
        return show_settings(call, Form.refused(sent, error))
    return go_to(call.request, f"{place.path}settings/", "saved")


def _read(sent: Mapping[str, str]) -> dict[str, Any]:
    """Values from the texts of a form.

    Raises:
        InvalidInput: a number is none, or the label config cannot be meant.
    """
    overlap = parse_integer(sent["maximum_annotations"], "maximum_annotations")
    # A form sends line breaks as two characters each.
    config = sent["label_config"].replace("\r\n", "\n")
    return {
        **sent,
        "label_config": check_label_config(config),
        "maximum_annotations": overlap,
    }


@page(Permission.OWN)
def ask_deletion(call: Call, form: Form | None = None) -> Response:
    """Say what is destroyed, and have its name typed."""
    place = open_project(call, "settings", Permission.OWN)
    crumbs = [Crumb("Delete")]
    values = {"form": form or Form()}
    status = 400 if form else 200
    return place.render("project_delete.html", values, crumbs=crumbs, status=status)


@page(Permission.OWN)
def delete(call: Call) -> Response:
    """Delete a project, if its name was typed."""
    place = open_project(call, "settings", Permission.OWN)
    typed = str(call.values.get("title", "")).strip()
    if typed != place.project.title.strip():
        error = InvalidInput("That is not its title.", field="title")
        return ask_deletion(call, Form.refused({"title": typed}, error))
    projects.delete_project(call.app, call.principal, place.project.id)
    return go_to(call.request, "/", "project-deleted")

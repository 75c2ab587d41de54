"""Restore a project: of an archive that is sent here, or of one in a bucket."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services.backups import requests
from labeldock.services.restoring.asking import restore_object, restore_upload
from labeldock.services.restoring.sources import Source, list_sources
from labeldock.web.console.backup_views import view_request
from labeldock.web.console.forms import REFUSALS, Form, read_number, read_texts
from labeldock.web.console.notes import go_to
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

PATH: Final = "/restore/"
_SHOWN: Final = 30
_MOST_SOURCES: Final = 200
_NAMES: Final = {"cloud_storage_id": "storage", "filename": "key"}


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(PATH, GET=show_form, POST=restore),
        build_route(f"{PATH}cancel/", POST=cancel),
    ]


@page(Need.LOGIN)
def show_form(call: Call) -> Response:
    """The form, and what was asked for before."""
    return _show(call)


def _show(call: Call, form: Form | None = None) -> Response:
    found = requests.list_requests(call.app, call.principal, limit=_SHOWN)
    lines = [view_request(each) for each in found]
    sources = list_sources(call.app, call.principal, most=_MOST_SOURCES)
    values = {
        "lines": lines,
        "sources": [("", "Choose a storage"), *map(_describe, sources)],
        "is_active": any(line.is_active for line in lines),
        "form": form or Form(_read_link(call)),
        "path": PATH,
    }
    crumbs = [Crumb("Projects", "/"), Crumb("Restore")]
    shell = load_shell(call.request, crumbs)
    status = 400 if form else 200
    return render_page(call.request, "restore.html", values, shell=shell, status=status)


def _describe(source: Source) -> tuple[int, str]:
    """What the form sends for a storage, and what it says."""
    name = source.title or f"Storage {source.storage_id}"
    return source.storage_id, f"{source.project}: {name} ({source.location})"


def _read_link(call: Call) -> dict[str, str]:
    """What a link from the page of an archive in a bucket says."""
    return {name: call.query_text(name) or "" for name in ("storage", "key")}


@page(Need.LOGIN)
def restore(call: Call) -> Response:
    """Ask for a restore: of an upload that is whole, or of a key in a bucket."""
    texts = read_texts(call, "upload", "storage", "key")
    try:
        if texts["upload"]:
            restore_upload(call.app, call.principal, texts["upload"])
        else:
            number = read_number(texts["storage"], "storage") or 0
            restore_object(call.app, call.principal, number, texts["key"])
    except REFUSALS as error:
        return _show(call, Form.refused(call.values, error, _NAMES))
    return go_to(call.request, PATH, "restore-asked")


@page(Need.LOGIN)
def cancel(call: Call) -> Response:
    """Stop a restore or a backup of one's own."""
    try:
        requests.cancel_request(call.app, call.principal, str(call.values.get("id")))
    except REFUSALS:
        return go_to(call.request, PATH, "request-over")
    return go_to(call.request, PATH, "request-cancelled")

"""The audit log: who did what, when, from where; of a project, or of all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services.access import Permission
from labeldock.services.audit_log import AuditEntry, AuditFilter, list_entries
from labeldock.services.auditing import Action
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

_ENTRIES: Final = 50
_TONES: Final = {"success": "good", "failure": "bad", "refused": "warn"}


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry in words."""

    at: datetime
    what: str
    who: str
    target: str
    tone: str
    outcome: str
    origin: str
    details: tuple[tuple[str, str], ...]


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/projects/{id:int}/audit/", GET=show_project_log),
        build_route("/system/audit/", GET=show_log),
    ]


@page(Permission.OWN)
def show_project_log(call: Call) -> Response:
    """What was done in a project; for its owners."""
    place = open_project(call, "audit", Permission.OWN)
    return place.render("audit.html", _load(call, place.project.id))


@page(Need.ADMIN)
def show_log(call: Call) -> Response:
    """What was done anywhere; for administrators."""
    values = _load(call, None)
    shell = load_shell(call.request, [Crumb("Projects", "/"), Crumb("Audit log")])
    return render_page(call.request, "audit.html", values, shell=shell)


def _load(call: Call, project_id: int | None) -> dict[str, Any]:
    kind = _choose(call, "kind", _list_kinds())
    outcome = _choose(call, "outcome", tuple(_TONES))
    before = call.query_integer("before")
    action = f"{kind}." if kind else ""
    chosen = AuditFilter(action=action, outcome=outcome, project_id=project_id)
    found = list_entries(
        call.app, call.principal, chosen, before=before, limit=_ENTRIES
    )
    return {
        "lines": [_view(entry) for entry in found],
        "kinds": [("", "Everything"), *((each, each) for each in _list_kinds())],
        "outcomes": [("", "However it ended"), *((each, each) for each in _TONES)],
        "kind": kind,
        "outcome": outcome,
        "older": found[-1].id if len(found) == _ENTRIES else None,
        "is_first": before is None,
    }


def _choose(call: Call, name: str, known: Collection[str]) -> str:
    """A filter of the query, empty if it is left out.

    Raises:
        InvalidInput: there is no such one; what is not applied would mislead.
    """
    text = call.query_text(name) or ""
    if text and text not in known:
        raise InvalidInput(
            f"There are no entries with the {name} {text[:40]!r}.",
            field=name,
            remedy=f"Choose one of {', '.join(known)}, or leave it out.",
        )
    return text


def _list_kinds() -> tuple[str, ...]:
    return tuple(dict.fromkeys(action.value.partition(".")[0] for action in Action))


def _view(entry: AuditEntry) -> AuditLine:
    details = [(name, str(value)) for name, value in entry.details.items()]
    if entry.correlation_id:
        details.append(("in the log under", entry.correlation_id))
    return AuditLine(
        at=entry.created_at,
        what=entry.action,
        who=entry.user_email or "nobody who is known",
        target=f"{entry.target_kind} {entry.target_id}".strip(),
        tone=_TONES.get(entry.outcome, "idle"),
        outcome=entry.outcome,
        origin=" · ".join(filter(None, (entry.channel, entry.address))),
        details=tuple(details),
    )

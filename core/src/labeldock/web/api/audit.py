"""/api/audit: who did what, from where, newest first."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import NotFound
from labeldock.services import audit_log
from labeldock.services.access import Permission
from labeldock.services.audit_log import AuditEntry, AuditFilter
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Query, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_USUAL: Final = 100


class AuditQuery(Query):
    """Which entries, and from where on; a filter that is not known is refused."""

    model_config = ConfigDict(extra="forbid")

    action: str | None = Field(
        default=None,
        max_length=100,
        description="One action, as `storage.create`; or `storage.` for all of a kind.",
    )
    outcome: Literal["success", "failure", "refused"] | None = Field(
        default=None, description="How it ended."
    )
    user: Whole | None = Field(default=None, description="Who did it.")
    project: Whole | None = Field(
        default=None, description="In which project; its owners may ask for it."
    )
    organization: Whole | None = Field(default=None, description="In which one.")
    since: AwareDatetime | None = Field(default=None, description="No earlier.")
    until: AwareDatetime | None = Field(default=None, description="Earlier than this.")
    before: Whole | None = Field(
        default=None, description="Only entries older than the one with this number."
    )
    limit: Whole = Field(
        default=_USUAL, description=f"How many, at most {audit_log.MOST}."
    )


class AuditPage(TypedDict):
    """Entries, newest first, and what to send as `before` for those that follow."""

    results: list[AuditEntry]
    next_before: int | None


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/api/audit", GET=list_entries)]


@operation(Permission.OWN, returns=AuditPage, errors=(NotFound,))
def list_entries(call: Call, query: AuditQuery) -> Response:
    """The audit log: all of it for administrators, a project's for its owners."""
    chosen = AuditFilter(
        action=query.action or "",
        outcome=query.outcome or "",
        user_id=query.user,
        project_id=query.project,
        organization_id=query.organization,
        since=query.since,
        until=query.until,
    )
    limit = max(1, min(query.limit, audit_log.MOST))
    found = audit_log.list_entries(
        call.app, call.principal, chosen, before=query.before, limit=limit
    )
    next_before = found[-1].id if len(found) == limit else None
    results = [asdict(entry) for entry in found]
    return render_json({"results": results, "next_before": next_before})

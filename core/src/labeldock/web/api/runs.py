"""/api/runs: the work on storages, its errors, and how to stop or repeat it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import Conflict
from labeldock.services import dry_runs, runs
from labeldock.services.access import Permission
from labeldock.services.dry_runs import RunObjectView
from labeldock.services.runs import RunErrorView
from labeldock.web.api.error_files import FileKind, stream_errors
from labeldock.web.api.references import ProjectQuery
from labeldock.web.api.run_shape import RunShape, shape_run
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Query, Whole
from labeldock.web.operations import FILE, Content, operation
from labeldock.web.rendering import render_json

_RUNS: Final = 50
_ERRORS: Final = 100
_MOST: Final = 1000


class LimitQuery(Query):
    """How many are listed."""

    limit: Whole | None = Field(default=None, description=f"At most {_MOST}.")

    def choose(self, usual: int) -> int:
        """How many, within bounds."""
        return usual if self.limit is None else max(1, min(self.limit, _MOST))


class AfterQuery(LimitQuery):
    """A stretch of a list that goes on after an id."""

    after: Whole = Field(default=0, description="The last id that was seen.")


class BeforeQuery(LimitQuery):
    """A stretch of a list, newest first."""

    before: Whole | None = Field(default=None, description="The last id that was seen.")


class RunQuery(ProjectQuery, BeforeQuery):
    """Whose runs."""

    storage: Whole | None = Field(default=None, description="Of this storage alone.")


class ErrorQuery(AfterQuery):
    """Which errors, or all of them as a file."""

    format: FileKind | None = None


class ObjectQuery(AfterQuery):
    """Which objects."""

    category: str | None = Field(default=None, description="Of this category alone.")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/runs", GET=list_runs),
        build_route("/api/runs/{id:int}", GET=get_run),
        build_route("/api/runs/{id:int}/errors", GET=list_errors),
        build_route("/api/runs/{id:int}/objects", GET=list_objects),
        build_route("/api/runs/{id:int}/cancel", POST=cancel_run),
        build_route("/api/runs/{id:int}/retry", POST=retry_run),
    ]


@operation(Permission.VIEW, returns=list[RunShape])
def list_runs(call: Call, query: RunQuery) -> Response:
    """The runs of a project or of one storage, newest first; `before` an id."""
    found = runs.list_runs(
        call.app,
        call.principal,
        query.require(),
        storage_id=query.storage,
        before=query.before,
        limit=query.choose(_RUNS),
    )
    return render_json([shape_run(run) for run in found])


@operation(Permission.VIEW, returns=RunShape)
def get_run(call: Call) -> Response:
    """One run."""
    return render_json(
        shape_run(runs.get_run(call.app, call.principal, call.path_id()))
    )


@operation(
    Permission.VIEW,
    returns=Content(
        {
            "application/json": list[RunErrorView],
            "text/csv": FILE,
            "application/x-ndjson": FILE,
        }
    ),
)
def list_errors(call: Call, query: ErrorQuery) -> Response:
    """What went wrong, object by object; `after` is the last id that was seen.

    With `format`, all of it as a file.
    """
    if query.format is not None:
        return stream_errors(call, call.path_id(), query.format)
    found = runs.list_run_errors(
        call.app,
        call.principal,
        call.path_id(),
        after=query.after,
        limit=query.choose(_ERRORS),
    )
    return render_json([asdict(error) for error in found])


@operation(Permission.VIEW, returns=list[RunObjectView])
def list_objects(call: Call, query: ObjectQuery) -> Response:
    """What a dry run lists, of one category or of all; `after` is the last id seen."""
    found = dry_runs.list_run_objects(
        call.app,
        call.principal,
        call.path_id(),
        category=query.category,
        after=query.after,
        limit=query.choose(_ERRORS),
    )
    return render_json([asdict(each) for each in found])


@operation(Permission.MANAGE, returns=RunShape, errors=(Conflict,))
def cancel_run(call: Call) -> Response:
    """Stop a run; when this is answered, it writes nothing more."""
    return render_json(
        shape_run(runs.cancel_run(call.app, call.principal, call.path_id()))
    )


@operation(Permission.MANAGE, returns=RunShape, errors=(Conflict,))
def retry_run(call: Call) -> Response:
    """Go on with a run that failed or was cancelled."""
    return render_json(
        shape_run(runs.retry_run(call.app, call.principal, call.path_id()))
    )

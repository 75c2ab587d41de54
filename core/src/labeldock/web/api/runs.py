"""/api/runs: the work on storages, its errors, and how to stop or repeat it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import dry_runs, runs
from labeldock.web.api.error_files import stream_errors
from labeldock.web.api.run_shape import shape_run
from labeldock.web.endpoints import Call, build_route
from labeldock.web.rendering import render_json

_RUNS: Final = 50
_ERRORS: Final = 100
_MOST: Final = 1000


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


def list_runs(call: Call) -> Response:
    """The runs of a project or of one storage, newest first; `before` an id."""
    project_id = call.query_integer("project")
    if project_id is None:
        raise InvalidInput('query parameter "project" is required')
    found = runs.list_runs(
        call.app,
        call.principal,
        project_id,
        storage_id=call.query_integer("storage"),
        before=call.query_integer("before"),
        limit=read_limit(call, _RUNS),
    )
    return render_json([shape_run(run) for run in found])


def get_run(call: Call) -> Response:
    """One run."""
    return render_json(
        shape_run(runs.get_run(call.app, call.principal, call.path_id()))
    )


def list_errors(call: Call) -> Response:
    """What went wrong, object by object; `after` is the last id that was seen.

    With `format`, all of it as a file.
    """
    kind = call.query_text("format")
    if kind is not None:
        return stream_errors(call, call.path_id(), kind)
    found = runs.list_run_errors(
        call.app,
        call.principal,
        call.path_id(),
        after=call.query_integer("after") or 0,
        limit=read_limit(call, _ERRORS),
    )
    return render_json([asdict(error) for error in found])


def list_objects(call: Call) -> Response:
    """What a dry run lists, of one category or of all; `after` is the last id seen."""
    found = dry_runs.list_run_objects(
        call.app,
        call.principal,
        call.path_id(),
        category=call.query_text("category"),
        after=call.query_integer("after") or 0,
        limit=read_limit(call, _ERRORS),
    )
    return render_json([asdict(each) for each in found])


def cancel_run(call: Call) -> Response:
    """Stop a run; when this is answered, it writes nothing more."""
    return render_json(
        shape_run(runs.cancel_run(call.app, call.principal, call.path_id()))
    )


def retry_run(call: Call) -> Response:
    """Go on with a run that failed or was cancelled."""
    return render_json(
        shape_run(runs.retry_run(call.app, call.principal, call.path_id()))
    )


def read_limit(call: Call, usual: int) -> int:
    """How many a request asks for, within bounds."""
    limit = call.query_integer("limit")
    return usual if limit is None else max(1, min(limit, _MOST))

"""What has become of a storage: its runs, and its objects one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.services import runs
from labeldock.services.importing.objects import list_objects
from labeldock.web.api.run_shape import shape_run
from labeldock.web.api.runs import read_limit
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.rendering import render_json

_USUAL: Final = 100


def list_routes(path: str, endpoints: StorageEndpoints) -> Iterator[Route]:
    """The routes of this module for one provider and purpose."""
    history = StorageHistory(endpoints)
    yield build_route(f"{path}/{{id:int}}/runs", GET=history.list_runs)
    if endpoints.purpose is Purpose.IMPORT:
        yield build_route(f"{path}/{{id:int}}/objects", GET=history.list_objects)


@dataclass(frozen=True, slots=True)
class StorageHistory:
    """The endpoints beside those of the storages themselves."""

    endpoints: StorageEndpoints

    def list_runs(self, call: Call) -> Response:
        """The runs of a storage, newest first; `before` is the last id seen."""
        storage = self.endpoints.find(call, call.path_id())
        found = runs.list_runs(
            call.app,
            call.principal,
            storage.project_id,
            storage_id=storage.id,
            before=call.query_integer("before"),
            limit=read_limit(call, _USUAL),
        )
        return render_json([shape_run(run) for run in found])

    def list_objects(self, call: Call) -> Response:
        """What is known of its objects; `after` is the last key that was seen."""
        storage = self.endpoints.find(call, call.path_id())
        found = list_objects(
            call.app,
            call.principal,
            storage.id,
            key=call.request.query_params.get("key"),
            after=call.request.query_params.get("after", ""),
            limit=read_limit(call, _USUAL),
        )
        return render_json([asdict(each) for each in found])

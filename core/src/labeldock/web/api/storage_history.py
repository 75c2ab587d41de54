"""What has become of a storage: its runs, and its objects one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.services import runs
from labeldock.services.access import Permission
from labeldock.services.importing.objects import ObjectView, list_objects
from labeldock.web.api.run_shape import RunShape, shape_run
from labeldock.web.api.runs import BeforeQuery, LimitQuery
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import AS_IS
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_USUAL: Final = 100


class ObjectQuery(LimitQuery):
    """Which objects of a storage."""

    key: Annotated[str | None, AS_IS] = Field(
        default=None, description="This object alone."
    )
    after: Annotated[str, AS_IS] = Field(
        default="", description="The last key that was seen."
    )


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

    @operation(Permission.VIEW, returns=list[RunShape])
    def list_runs(self, call: Call, query: BeforeQuery) -> Response:
        """The runs of a storage, newest first; `before` is the last id seen."""
        storage = self.endpoints.find(call, call.path_id())
        found = runs.list_runs(
            call.app,
            call.principal,
            storage.project_id,
            storage_id=storage.id,
            before=query.before,
            limit=query.choose(_USUAL),
        )
        return render_json([shape_run(run) for run in found])

    @operation(Permission.VIEW, returns=list[ObjectView])
    def list_objects(self, call: Call, query: ObjectQuery) -> Response:
        """What is known of its objects; `after` is the last key that was seen."""
        storage = self.endpoints.find(call, call.path_id())
        found = list_objects(
            call.app,
            call.principal,
            storage.id,
            key=query.key,
            after=query.after,
            limit=query.choose(_USUAL),
        )
        return render_json([asdict(each) for each in found])

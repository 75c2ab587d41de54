"""Before a storage is connected: its form, and the first objects that it would show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import StorageError
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.services.access import Permission
from labeldock.services.importing.browsing import Browsed, browse_storage
from labeldock.web.api.storage_forms import build_form
from labeldock.web.api.storage_models import StorageModels
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body
from labeldock.web.operations import Need, adapt, operation
from labeldock.web.rendering import render_json

_USUAL: Final = 100
_MOST: Final = 10_000
_LATE: Final = "... storage scan timeout reached ..."


class FileShape(TypedDict):
    """An object of a storage; the end of the list has no key where there are more."""

    key: str | None
    last_modified: datetime | None
    size: int | None


class FilesShape(TypedDict):
    """The first objects of a storage."""

    files: list[FileShape]


def list_routes(
    path: str, endpoints: StorageEndpoints, bound: BoundProvider, models: StorageModels
) -> Iterator[Route]:
    """The routes of this module for one provider and purpose."""
    form = build_form(bound, endpoints.purpose)

    @operation(Need.LOGIN, returns=list[dict[str, Any]])
    def get_form(_call: Call) -> Response:
        """The layout of the form; told by the model, so it is made once."""
        return render_json(form)

    yield build_route(f"{path}/form", GET=get_form)
    if endpoints.purpose is Purpose.IMPORT:
        previews = StoragePreviews(endpoints)
        list_files = adapt(previews.list_files, body=models.draft)
        yield build_route(f"{path}/files", POST=list_files)


@dataclass(frozen=True, slots=True)
class StoragePreviews:
    """The endpoints of one provider."""

    endpoints: StorageEndpoints

    @operation(Permission.MANAGE, returns=FilesShape, errors=(StorageError,))
    def list_files(self, call: Call, body: Body) -> Response:
        """The first objects of a storage as it is described; saves nothing.

        With `id`, what is left out is as saved. Where there are more objects, the last
        entry has no key, as clients know it.
        """
        values = body.given()
        limit = values.pop("limit", None) or _USUAL
        draft, storage_id = self.endpoints.read_draft(call, values)
        found = browse_storage(
            call.app,
            call.principal,
            draft,
            storage_id=storage_id,
            limit=max(1, min(limit, _MOST)),
        )
        return render_json({"files": _shape(found)})


def _shape(found: Browsed) -> list[FileShape]:
    files: list[FileShape] = [
        {"key": info.key, "last_modified": info.last_modified, "size": info.size}
        for info in found.objects
    ]
    if found.has_more or found.is_late:
        files.append(_end(_LATE if found.is_late else None))
    return files


def _end(key: str | None) -> FileShape:
    return {"key": key, "last_modified": None, "size": None}

"""Before a storage is connected: its form, and the first objects that it would show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.services.importing.browsing import Browsed, browse_storage
from labeldock.web.api.storage_forms import build_form
from labeldock.web.api.storages import StorageEndpoints
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.rendering import render_json

_USUAL: Final = 100
_MOST: Final = 10_000
_LATE: Final = "... storage scan timeout reached ..."


def list_routes(
    path: str, endpoints: StorageEndpoints, bound: BoundProvider
) -> Iterator[Route]:
    """The routes of this module for one provider and purpose."""
    form = build_form(bound, endpoints.purpose)

    def get_form(_call: Call) -> Response:
        """The layout of the form; told by the model, so it is made once."""
        return render_json(form)

    yield build_route(f"{path}/form", GET=get_form)
    if endpoints.purpose is Purpose.IMPORT:
        previews = StoragePreviews(endpoints)
        yield build_route(f"{path}/files", POST=previews.list_files)


@dataclass(frozen=True, slots=True)
class StoragePreviews:
    """The endpoints of one provider."""

    endpoints: StorageEndpoints

    def list_files(self, call: Call) -> Response:
        """The first objects of a storage as it is described; saves nothing.

        With `id`, what is left out is as saved. Where there are more objects, the last
        entry has no key, as clients know it.
        """
        limit = parse_integer(call.values.get("limit") or _USUAL, "limit")
        draft, storage_id, notes = self.endpoints.read_draft(call)
        found = browse_storage(
            call.app,
            call.principal,
            draft,
            storage_id=storage_id,
            limit=max(1, min(limit, _MOST)),
        )
        return render_json({"files": _shape(found)}, headers=notes)


def _shape(found: Browsed) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = [
        {"key": info.key, "last_modified": info.last_modified, "size": info.size}
        for info in found.objects
    ]
    if found.has_more or found.is_late:
        files.append(_end(_LATE if found.is_late else None))
    return files


def _end(key: str | None) -> dict[str, Any]:
    return {"key": key, "last_modified": None, "size": None}

"""Files of Labeldock's own: archives of backups, and what people uploaded.

They go the way of media: through the pump, in ranges, and so that nothing in them runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.services.access import Permission
from labeldock.services.avatars import AVATARS, open_avatar
from labeldock.services.backups.downloads import note_download, open_archive
from labeldock.services.resolving.media import Stream
from labeldock.services.uploading import PATH, open_upload
from labeldock.web.context import context_of
from labeldock.web.fields import LARGEST_ID
from labeldock.web.inputs import Query
from labeldock.web.media.answers import render_error
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.streams import MediaStream
from labeldock.web.operations import FILE, Content, Need, operation

_FILE: Final = Content({"*/*": FILE}, "The file, or the part that was asked for.")
_ARCHIVE: Final = Content({"application/zip": FILE}, "The archive, or a part of it.")
_REFUSED: Final = Content({"application/json": dict[str, Any]}, "No file.")
_MORE: Final[dict[str, Any]] = {
    "answers": {
        206: _FILE,
        304: Content({}, "The same as the client has."),
        **dict.fromkeys((400, 401, 403, 404, 412, 416, 424, 429, 503, 504), _REFUSED),
    }
}


class DownloadQuery(Query):
    """Which backup."""

    rq_id: str = Field(description="The id of the request.")


class OwnFiles:
    """The endpoints, with the engine that media have."""

    def __init__(self, find_engine: Callable[[Request], MediaEngine]) -> None:
        """Share an engine."""
        self._find_engine = find_engine

    def list_routes(self) -> list[Route]:
        """The routes of archives and uploads."""
        archives = {
            "/api/projects/{id:int}/backup/download": self.answer_project_archive,
            "/api/tasks/{id:int}/backup/download": self.answer_task_archive,
        }
        routes = [
            Route(f"{path}{slash}", endpoint, methods=["GET"])
            for path, endpoint in archives.items()
            for slash in ("", "/")
        ]
        own = {PATH: self.answer_upload, AVATARS: self.answer_avatar}
        return [
            *routes,
            *(
                Route(f"{path}{{id:int}}/{{name}}", endpoint, methods=["GET"])
                for path, endpoint in own.items()
            ),
        ]

    @operation(Permission.MANAGE, _ARCHIVE, query=DownloadQuery, tag="backups", **_MORE)
    async def answer_project_archive(self, request: Request) -> ASGIApp:
        """The archive of a finished backup of a project."""
        return await self._answer_archive(request, "project")

    @operation(Permission.MANAGE, _ARCHIVE, query=DownloadQuery, tag="backups", **_MORE)
    async def answer_task_archive(self, request: Request) -> ASGIApp:
        """The archive of a finished backup of a task."""
        return await self._answer_archive(request, "task")

    @operation(Permission.VIEW, _FILE, tag="media", **_MORE)
    async def answer_upload(self, request: Request) -> ASGIApp:
        """A file that was uploaded to a project."""
        context = context_of(request)
        name = request.path_params["name"]
        find = partial(open_upload, context.app, context.principal, _read_id(request))
        return await self._answer(request, partial(find, name))

    @operation(Need.LOGIN, _FILE, tag="media", **_MORE)
    async def answer_avatar(self, request: Request) -> ASGIApp:
        """The picture of a user that the caller may know of."""
        context = context_of(request)
        name = request.path_params["name"]
        find = partial(open_avatar, context.app, context.principal, _read_id(request))
        return await self._answer(request, partial(find, name))

    async def _answer_archive(self, request: Request, target: str) -> ASGIApp:
        context = context_of(request)
        rq_id, number = request.query_params.get("rq_id", ""), _read_id(request)

        def find() -> Stream:
            app, principal = context.app, context.principal
            found = open_archive(app, principal, rq_id, target=target, target_id=number)
            if request.method == "GET":  # in parts, too: bytes=0- is all of it
                note_download(app, principal, rq_id)
            return found

        return await self._answer(request, find)

    async def _answer(self, request: Request, find: Callable[[], Stream]) -> ASGIApp:
        engine = self._find_engine(request)
        try:
            stream = await engine.threads.decide(find)
        except LabeldockError as error:
            return render_error(error, context_of(request).correlation_id)
        return MediaStream(engine, stream, request)


def _read_id(request: Request) -> int:
    number = int(request.path_params["id"])
    if number > LARGEST_ID:
        raise NotFound("Not found.")
    return number

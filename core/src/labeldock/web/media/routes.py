"""The routes of media, as tasks show them: resolve, presign, and links of our own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, NotRequired

from pydantic import Field
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from typing_extensions import TypedDict

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.contract.observers import MediaServed
from labeldock.metrics import MEDIA
from labeldock.services.access import Permission
from labeldock.services.media_journal import MediaJournal
from labeldock.services.resolving.fileuri import decode_fileuri
from labeldock.services.resolving.local_files import (
    LOCAL_FILES_PATH,
    ask_for_local_file,
)
from labeldock.services.resolving.media import MediaAsk, Redirect, utc_now
from labeldock.services.resolving.signing import MEDIA_PATH, MediaGrant, open_grant
from labeldock.services.resolving.thumbnails import choose_size
from labeldock.web.authentication import public
from labeldock.web.context import context_of
from labeldock.web.fields import LARGEST_ID
from labeldock.web.inputs import Query
from labeldock.web.media.answers import render_error
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.headers import build_redirect_headers
from labeldock.web.media.own_files import OwnFiles
from labeldock.web.media.pictures import answer_thumbnail
from labeldock.web.media.streams import MediaStream
from labeldock.web.operations import FILE, Content, Need, operation

Answer = Callable[[Request], Awaitable[ASGIApp]]
_VERBS: Final = ("resolve", "presign")
_PATHS: Final = re.compile(
    r"/(?:tasks|projects)/\d+/(?:resolve|presign)/?|/media/.*|/data/local-files/?"
)


class RefusalShape(TypedDict):
    """Why there are no media; of an address that is none, without `code`."""

    status_code: int
    detail: str
    code: NotRequired[str]
    correlation_id: NotRequired[str]
    id: NotRequired[str]
    version: NotRequired[str]
    exc_info: NotRequired[None]


_MEDIA: Final = Content({"*/*": FILE}, "The media, or the part that was asked for.")
_REFUSED: Final = Content({"application/json": RefusalShape}, "No media.")
_MORE: Final[dict[str, Any]] = {
    "answers": {
        206: _MEDIA,
        303: Content({}, "Where the media are, for a while."),
        304: Content({}, "The same as the client has."),
        **dict.fromkeys(
            (400, 401, 403, 404, 409, 412, 416, 424, 429, 503, 504), _REFUSED
        ),
    },
    "tag": "media",
}


class MediaQuery(Query):
    """Which media of a task or project; read by the media engine."""

    fileuri: str = Field(description="The URI, in base64.")
    size: int | None = Field(default=None, description="Pixels of a thumbnail's side.")


class LocalFileQuery(Query):
    """Which file."""

    d: str = Field(description="The path below the local root.")


def media_routes(journal: MediaJournal | None = None) -> list[Route]:
    """The routes of media, with and without a slash at the end."""
    door = MediaDoor(journal)
    parts: dict[str, Answer] = {
        "tasks": door.answer_task,
        "projects": door.answer_project,
    }
    routes = [
        Route(f"/{part}/{{id:int}}/{verb}{slash}", endpoint, methods=["GET"])
        for part, endpoint in parts.items()
        for verb in _VERBS
        for slash in ("/", "")
    ]
    link = Route(f"{MEDIA_PATH}{{token}}", door.answer_link, methods=["GET"])
    alias = [
        Route(path, door.answer_local_file, methods=["GET"])
        for path in (LOCAL_FILES_PATH, LOCAL_FILES_PATH.rstrip("/"))
    ]
    return [*routes, link, *alias, *OwnFiles(door.find_engine).list_routes()]


def shows_media(path: str) -> bool:
    """Whether a path is one of these, so that errors are answered as theirs."""
    return _PATHS.fullmatch(path) is not None


class MediaDoor:
    """The endpoints, and what they share."""

    def __init__(self, journal: MediaJournal | None = None) -> None:
        """Wait for the first request, which brings the parts to work with."""
        self._engine: MediaEngine | None = None
        self._journal = journal

    @operation(Permission.VIEW, _MEDIA, query=MediaQuery, **_MORE)
    async def answer_task(self, request: Request) -> ASGIApp:
        """Media of a task."""
        return await self._answer(request, _ask_for_task)

    @operation(Permission.VIEW, _MEDIA, query=MediaQuery, **_MORE)
    async def answer_project(self, request: Request) -> ASGIApp:
        """Media of a project."""
        return await self._answer(request, _ask_for_project)

    @public
    @operation(Need.NOTHING, _MEDIA, **_MORE)
    async def answer_link(self, request: Request) -> ASGIApp:
        """Media that a link of our own leads to; the link is the permission."""
        return await self._answer(request, _open_link)

    @operation(Permission.VIEW, _MEDIA, query=LocalFileQuery, **_MORE)
    async def answer_local_file(self, request: Request) -> ASGIApp:
        """A file under the address that Label Studio gave it."""
        engine = self.find_engine(request)
        principal = context_of(request).principal
        path = request.query_params.get("d", "")
        look = partial(ask_for_local_file, engine.app, principal, path)
        try:
            ask = await engine.threads.decide(look)
        except LabeldockError as error:
            return render_error(error, context_of(request).correlation_id)
        return await self._answer(request, lambda _: ask)

    async def _answer(
        self, request: Request, read: Callable[[Request], MediaAsk | MediaGrant]
    ) -> ASGIApp:
        engine = self.find_engine(request)
        try:
            ask, size = read(request), None
            if isinstance(ask, MediaAsk) and "size" in request.query_params:
                size = choose_size(request.query_params["size"])
                ask = replace(ask, is_read_here=True)
            decision = await engine.decide(ask)
        except LabeldockError as error:
            MEDIA.labels(error.code).inc()
            return render_error(error, context_of(request).correlation_id)
        if isinstance(decision, Redirect):
            MEDIA.labels("redirect").inc()
            return _render_redirect(engine, decision)
        if size is not None:
            MEDIA.labels("thumbnail").inc()
            return await answer_thumbnail(engine, decision, request, size)
        return MediaStream(engine, decision, request)

    def find_engine(self, request: Request) -> MediaEngine:
        """The engine, made with the first request."""
        if self._engine is None:
            self._engine = MediaEngine(context_of(request).app, self._journal)
        return self._engine


def _ask_for_task(request: Request) -> MediaAsk:
    uri = decode_fileuri(request.query_params.get("fileuri", ""))
    return MediaAsk(context_of(request).principal, "task", _read_id(request), uri)


def _ask_for_project(request: Request) -> MediaAsk:
    uri = decode_fileuri(request.query_params.get("fileuri", ""))
    return MediaAsk(context_of(request).principal, "project", _read_id(request), uri)


def _open_link(request: Request) -> MediaGrant:
    vault = context_of(request).app.vault
    return open_grant(vault, request.path_params["token"], utc_now())


def _read_id(request: Request) -> int:
    number = int(request.path_params["id"])
    if number > LARGEST_ID:
        raise NotFound("Not found.")
    return number


def _render_redirect(engine: MediaEngine, decision: Redirect) -> Response:
    headers = build_redirect_headers(decision.signed, utc_now())
    if not engine.is_watched:
        return Response(status_code=303, headers=headers)
    event = MediaServed(
        storage_id=decision.storage_id,
        key=decision.key,
        user_id=decision.user_id,
        task_id=decision.task_id,
        mode="redirect",
        length=None,
    )
    background = BackgroundTask(engine.announce, event)
    return Response(status_code=303, headers=headers, background=background)

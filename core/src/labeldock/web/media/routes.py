"""The routes of media, as tasks show them: resolve, presign, and links of our own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.contract.observers import MediaServed
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
from labeldock.web.media.answers import render_error
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.headers import build_redirect_headers
from labeldock.web.media.pictures import answer_thumbnail
from labeldock.web.media.streams import MediaStream

Answer = Callable[[Request], Awaitable[ASGIApp]]
_VERBS: Final = ("resolve", "presign")
_PATHS: Final = re.compile(
    r"/(?:tasks|projects)/\d+/(?:resolve|presign)/?|/media/.*|/data/local-files/?"
)


def media_routes() -> list[Route]:
    """The routes of media, with and without a slash at the end."""
    door = MediaDoor()
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
    return [*routes, link, *alias]


def shows_media(path: str) -> bool:
    """Whether a path is one of these, so that errors are answered as theirs."""
    return _PATHS.fullmatch(path) is not None


class MediaDoor:
    """The endpoints, and what they share."""

    def __init__(self) -> None:
        """Wait for the first request, which brings the parts to work with."""
        self._engine: MediaEngine | None = None

    async def answer_task(self, request: Request) -> ASGIApp:
        """Media of a task."""
        return await self._answer(request, _ask_for_task)

    async def answer_project(self, request: Request) -> ASGIApp:
        """Media of a project."""
        return await self._answer(request, _ask_for_project)

    @public
    async def answer_link(self, request: Request) -> ASGIApp:
        """Media that a link of our own leads to; the link is the permission."""
        return await self._answer(request, _open_link)

    async def answer_local_file(self, request: Request) -> ASGIApp:
        """A file under the address that Label Studio gave it."""
        engine = self._find_engine(request)
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
        engine = self._find_engine(request)
        try:
            ask, size = read(request), None
            if isinstance(ask, MediaAsk) and "size" in request.query_params:
                size = choose_size(request.query_params["size"])
                ask = replace(ask, is_read_here=True)
            decision = await engine.decide(ask)
        except LabeldockError as error:
            return render_error(error, context_of(request).correlation_id)
        if isinstance(decision, Redirect):
            return _render_redirect(engine, decision)
        if size is not None:
            return await answer_thumbnail(engine, decision, request, size)
        return MediaStream(engine, decision, request)

    def _find_engine(self, request: Request) -> MediaEngine:
        if self._engine is None:
            self._engine = MediaEngine(context_of(request).app)
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

"""/api/projects/backup: restore a project, of an archive sent here or in a bucket.

A large archive is sent as tus 1.0 says (core and creation), so that it can go on where
it broke off; a small one as the body of the request.
"""

from __future__ import annotations

import binascii
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict, InvalidInput
from labeldock.services.access import Principal
from labeldock.services.backups.requests import RequestView
from labeldock.services.backups.workplaces import BODY
from labeldock.services.context import AppContext
from labeldock.services.persistent.folder import full_disk_told
from labeldock.services.restoring import asking, incoming
from labeldock.services.restoring.incoming import IncomingView
from labeldock.web.context import context_of
from labeldock.web.endpoints import Call, build_reading_route
from labeldock.web.fields import parse_integer
from labeldock.web.inputs import Query, Reference, read_query
from labeldock.web.operations import FILE, Content, Need, operation
from labeldock.web.rendering import render_json

PATH: Final = "/api/projects/backup"
_ZIPS: Final = {"application/zip", "application/octet-stream"}
_PIECE: Final = "application/offset+octet-stream"
_TUS: Final = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
_BLOCK: Final = 1024 * 1024
_ARCHIVE: Final = Content(
    {"application/zip": FILE}, "The archive itself; none if it lies elsewhere."
)


class RestoreQuery(Query):
    """Where the archive is."""

    upload: str | None = Field(
        default=None, description="The last part of the address of a finished upload."
    )
    location: Literal["local", "cloud_storage"] = Field(
        default="local", description="Whether it is in a bucket."
    )
    cloud_storage_id: Reference = Field(
        default=None, description="A storage of a project that the caller manages."
    )
    filename: str | None = Field(
        default=None, description="Its key there, without the storage's prefix."
    )
    organization: Reference = Field(
        default=None,
        description="Whose project it will be; left out, the caller's active one.",
    )


class RestoreShape(TypedDict):
    """The request to ask /api/requests about; its `result_id` will be the project."""

    rq_id: str


class UploadShape(TypedDict):
    """An archive that is being sent."""

    upload: str
    length: int
    received: int


@dataclass(frozen=True, slots=True)
class Received:
    """A body that was put into a file; the file goes with whoever uses it."""

    path: Path
    size: int


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_reading_route(PATH, _spool_archive, POST=restore_project),
        build_reading_route(f"{PATH}/uploads", _spool, POST=create_upload),
        build_reading_route(
            f"{PATH}/uploads/{{token}}",
            _spool,
            GET=get_upload,
            PATCH=append_upload,
            DELETE=delete_upload,
        ),
    ]


@operation(Need.LOGIN, returns=RestoreShape, status=202, body=_ARCHIVE, tag="backups")
def restore_project(call: Call, query: RestoreQuery) -> Response:
    """Restore a project; the caller will own it. Answers before it is done."""
    with _used(call.body) as received:
        view = _ask(call, query, received)
    return render_json({"rq_id": view.id}, 202)


@operation(Need.LOGIN, returns=UploadShape, status=201, tag="backups")
def create_upload(call: Call) -> Response:
    """Begin to send an archive: `Upload-Length` says how long it is (tus, creation)."""
    with _used(call.body):
        length = _read_header(call, "Upload-Length")
    name = _read_name(call.request.headers.get("upload-metadata", ""))
    view = incoming.begin_upload(call.app, call.principal, length, name)
    where = {"Location": f"{PATH}/uploads/{view.token}"}
    return render_json(_shape(view), 201, {**where, **_describe(view)})


@operation(Need.LOGIN, returns=UploadShape, tag="backups")
def get_upload(call: Call) -> Response:
    """How much of an archive is here: `Upload-Offset` (tus)."""
    view = incoming.get_upload(call.app, call.principal, _read_token(call))
    return render_json(_shape(view), headers=_describe(view))


@operation(
    Need.LOGIN,
    errors=(Conflict,),
    body=Content({_PIECE: FILE}, "What follows `Upload-Offset`."),
    tag="backups",
)
def append_upload(call: Call) -> Response:
    """Send the next piece of an archive; what arrived of it is kept (tus)."""
    with _used(call.body) as received:
        offset = _read_header(call, "Upload-Offset")
        view = incoming.append_piece(
            call.app, call.principal, _read_token(call), offset, received.path
        )
    return Response(status_code=204, headers=_describe(view))


@operation(Need.LOGIN, tag="backups")
def delete_upload(call: Call) -> Response:
    """Forget an archive that was sent."""
    with _used(call.body):
        incoming.drop_upload(call.app, call.principal, _read_token(call))
    return Response(status_code=204, headers=_TUS)


def _ask(call: Call, query: RestoreQuery, received: Received) -> RequestView:
    given = [query.upload, query.cloud_storage_id, received.size or None]
    if sum(each is not None for each in given) != 1:
        raise InvalidInput(
            "It has to be said which archive is meant, in one way.",
            field="archive",
            remedy="Send it as the body, name an upload, or give cloud_storage_id and "
            "filename.",
        )
    home = query.organization
    if query.cloud_storage_id is not None:
        return asking.restore_object(
            call.app,
            call.principal,
            query.cloud_storage_id,
            query.filename or "",
            organization_id=home,
        )
    token = query.upload or _keep(call.app, call.principal, query, received)
    return asking.restore_upload(call.app, call.principal, token, organization_id=home)


def _keep(
    app: AppContext, principal: Principal, query: RestoreQuery, received: Received
) -> str:
    """Keep an archive that came as a body."""
    name = query.filename or ""
    view = incoming.begin_upload(app, principal, received.size, name)
    incoming.append_piece(app, principal, view.token, 0, received.path)
    return view.token


# Reading


async def _spool_archive(request: Request) -> Received:
    """The same, once it is clear that the query makes sense.

    Raises:
        InvalidInput: it does not.
    """
    read_query(request, RestoreQuery)
    return await _spool(request)


async def _spool(request: Request) -> Received:
    """Put a body into a file; of one that breaks off, what arrived.

    Raises:
        HTTPException: it is of a kind that no archive is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in {*_ZIPS, _PIECE}:
        raise HTTPException(415, f'Unsupported media type "{kind}" in request.')
    folder = context_of(request).app.settings.home / "work"
    path = await run_in_threadpool(_make_file, folder)
    try:
        size = await _receive(request, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Received(path, size)


async def _receive(request: Request, path: Path) -> int:
    waiting, size = bytearray(), 0
    with suppress(ClientDisconnect):  # what arrived of a piece counts
        async for chunk in request.stream():
            waiting += chunk
            size += len(chunk)
            if len(waiting) >= _BLOCK:
                await run_in_threadpool(_append, path, bytes(waiting))
                waiting.clear()
    if waiting:
        await run_in_threadpool(_append, path, bytes(waiting))
    return size


def _make_file(folder: Path) -> Path:
    with full_disk_told():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=BODY, delete=False) as file:
            return Path(file.name)


def _append(path: Path, block: bytes) -> None:
    with full_disk_told(), path.open("ab") as file:
        file.write(block)


@contextmanager
def _used(body: object) -> Iterator[Received]:
    """The body of a call for the length of a block; its file is removed afterwards."""
    received = body if isinstance(body, Received) else Received(Path(), 0)
    try:
        yield received
    finally:
        if received.path != Path():
            received.path.unlink(missing_ok=True)


def _read_header(call: Call, name: str) -> int:
    value = call.request.headers.get(name.lower())
    if value is None:
        raise InvalidInput("This header is required.", field=name)
    return parse_integer(value, name)


def _read_name(metadata: str) -> str:
    """The file's name in tus' metadata: pairs of a name and base64."""
    for pair in metadata.split(","):
        name, _, value = pair.strip().partition(" ")
        if name == "filename":
            try:
                return b64decode(value, validate=True).decode(errors="replace")
            except binascii.Error:
                return ""
    return ""


def _read_token(call: Call) -> str:
    return str(call.request.path_params["token"])


def _shape(view: IncomingView) -> UploadShape:
    return {"upload": view.token, "length": view.length, "received": view.received}


def _describe(view: IncomingView) -> dict[str, str]:
    told = {"Upload-Offset": view.received, "Upload-Length": view.length}
    return {**{name: str(value) for name, value in told.items()}, **_TUS}

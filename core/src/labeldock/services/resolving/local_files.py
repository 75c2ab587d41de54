"""`/data/local-files/?d=`: files under the addresses that Label Studio gave them.

There a path is relative to one document root of the server. Here a storage is a folder
with a URI of its own, so the path is turned into that URI, for a project that the
caller may see; from then on it is media like any other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from sqlmodel import Session, col, func, literal, select

from labeldock.contract.errors import InvalidInput, LabeldockError, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import Storage
from labeldock.host.binding import BoundProvider
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.resolving.media import MediaAsk
from labeldock.services.storage_fields import join_prefix

LOCAL_FILES_PATH: Final = "/data/local-files/"
_API_TYPE: Final = "localfiles"
_MAX_PATH: Final = 4096


def ask_for_local_file(app: AppContext, principal: Principal, path: str) -> MediaAsk:
    """What a path means: media of a project that the caller may see.

    Args:
        app: the parts to work with.
        principal: who asks.
        path: relative to a folder that the operator allowed.

    Raises:
        InvalidInput: there is no path, or it is none.
        NotFound: no storage of theirs holds it.
    """
    if not path or len(path) > _MAX_PATH or "\0" in path:
        raise InvalidInput(
            "The parameter d has to be the path of a file.",
            field="d",
            remedy="Give it relative to the folder that the operator allowed.",
        )
    with app.database.read() as session:
        for uri in _list_uris(app, path):
            project_id = _find_project(session, principal, uri)
            if project_id is not None:
                return MediaAsk(
                    principal, "project", project_id, uri, is_read_here=True
                )
    raise NotFound("There is no such file in a storage that you may see.", field="d")


def _list_uris(app: AppContext, path: str) -> Iterator[str]:
    """The URIs that the file has if it is there, one for each allowed folder."""
    try:
        bound = app.catalog.provider(_API_TYPE)
    except LabeldockError:  # without the provider there are no local files
        return
    for root in _list_roots(bound):
        base = f"{root.rstrip('/')}/"
        file = posixpath.normpath(base + path.lstrip("/"))
        if file.startswith(base) and file != base:
            yield f"{bound.info.schemes[0]}://{file}"


def _list_roots(bound: BoundProvider) -> tuple[str, ...]:
    """The folders that the operator allowed; another provider may know of none."""
    roots: tuple[str, ...] = getattr(bound.operator, "roots", ())
    return roots


def _find_project(session: Session, principal: Principal, uri: str) -> int | None:
    """The project whose storage holds the file and which the caller may see."""
    base = col(Storage.base_uri)
    query = select(Storage).where(
        Storage.purpose == Purpose.IMPORT,
        base != "",
        func.substr(literal(uri), 1, func.length(base)) == base,
    )
    holding = [storage for storage in session.exec(query) if _holds(storage, uri)]
    for storage in sorted(holding, key=_rank):
        if _may_see(session, principal, storage.project_id):
            return storage.project_id
    return None


def _holds(storage: Storage, uri: str) -> bool:
    return uri.startswith(storage.base_uri + _join_prefix(storage))


def _rank(storage: Storage) -> tuple[int, int]:
    """The longest prefix first, then the lowest number."""
    return -len(storage.base_uri) - len(_join_prefix(storage)), storage.id


def _join_prefix(storage: Storage) -> str:
    return join_prefix(storage.prefix, is_literal=storage.literal_prefix)


def _may_see(session: Session, principal: Principal, project_id: int) -> bool:
    try:
        access.require(session, principal, project_id, Permission.VIEW)
    except LabeldockError:
        return False
    return True

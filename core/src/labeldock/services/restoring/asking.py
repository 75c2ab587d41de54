"""Asking for a restore: of an archive that was sent, or of one in a bucket."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.archives import BackgroundRequest
from labeldock.db.tables import Run, Storage
from labeldock.db.types import database_now
from labeldock.services import access, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.backups.requests import RequestView, get_request, note_request
from labeldock.services.context import AppContext
from labeldock.services.restoring.incoming import load_upload
from labeldock.services.scopes import Scope
from labeldock.services.storage_fields import join_prefix


def restore_upload(
    app: AppContext,
    principal: Principal,
    token: str,
    *,
    organization_id: int | None = None,
) -> RequestView:
    """Ask for the restore of an archive that was sent.

    Args:
        app: the parts.
        principal: who asks, and will own the project.
        token: the upload.
        organization_id: whose project it will be; else their active organisation's.

    Raises:
        InvalidInput: not all of it is here.
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        row = load_upload(session, principal, token)
        if row.received != row.length:
            raise InvalidInput(
                f"Of {row.length} bytes, {row.received} are here.",
                field="upload",
                remedy="Send the rest first.",
            )
        options = {"upload": token, "size": row.length}
        rq_id = _add_request(
            session, principal, options, organization_id, filename=row.filename
        )
    return _ring(app, principal, rq_id)


def restore_object(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    key: str,
    *,
    organization_id: int | None = None,
) -> RequestView:
    """Ask for the restore of an archive in a bucket; `key` goes without its prefix.

    Raises:
        InvalidInput: there is no such storage, or no key is given.
        NotFound, NotAllowed: as they say.
    """
    if not key or "\0" in key:
        raise InvalidInput(
            "This is not the key of an archive.",
            field="filename",
            remedy="Give its key, without the storage's prefix.",
        )
    with app.database.write() as session:
        storage = session.get(Storage, storage_id)
        missing = NotFound(f"There is no storage {storage_id}.")
        if storage is None:
            raise _no_storage(storage_id)
        try:
            access.require(
                session,
                principal,
                storage.project_id,
                Permission.MANAGE,
                hidden=missing,
            )
        except NotFound:
            raise _no_storage(storage_id) from None
        prefix = join_prefix(storage.prefix, is_literal=storage.literal_prefix)
        options = {"storage_id": storage_id, "key": prefix + key}
        rq_id = _add_request(
            session,
            principal,
            options,
            organization_id,
            filename=key,
            storage_id=storage_id,
        )
    return _ring(app, principal, rq_id)


def _no_storage(storage_id: int) -> InvalidInput:
    return InvalidInput(
        f"There is no storage {storage_id}.",
        field="cloud_storage_id",
        remedy="Give the number of a storage of a project that you manage.",
    )


def _add_request(
    session: Session,
    principal: Principal,
    options: dict[str, Any],
    organization_id: int | None,
    *,
    filename: str,
    storage_id: int | None = None,
) -> str:
    """Write the run and its request down; the request's id."""
    access.require_scope(principal, Scope.MANAGE)
    home = access.find_home(session, principal, organization_id)
    run = Run(
        kind=runs.RESTORE,
        organization_id=home,
        requested_by_id=principal.user_id,
        options={**options, "organization_id": home, "user_id": principal.user_id},
    )
    run.due_at = database_now()  # type: ignore[assignment]
    session.add(run)
    session.flush()
    rq_id = urlencode(
        {
            "action": "import",
            "target": "project",
            "id": uuid.uuid4().hex,
            "user_id": principal.user_id,
            "subresource": "backup",
        }
    )
    request = BackgroundRequest(
        rq_id=rq_id,
        run_id=run.id,
        user_id=principal.user_id,
        action="import",
        target="project",
        filename=filename,
        location="local" if storage_id is None else "cloud_storage",
        storage_id=storage_id,
    )
    note_request(session, request)
    return rq_id


def _ring(app: AppContext, principal: Principal, rq_id: str) -> RequestView:
    view = get_request(app, principal, rq_id)
    app.bell.ring_run(view.run_id, runs.RESTORE)
    return view

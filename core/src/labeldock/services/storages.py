"""Storages: connect, check, change, remove, show.

What a storage's last sync came to is told by its last run; nothing is kept twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlmodel import Session, col, select

from labeldock.contract.errors import (
    InvalidInput,
    LabeldockError,
    NotFound,
)
from labeldock.contract.observers import StorageChanged
from labeldock.contract.values import (
    Purpose,
    ValidationReport,
)
from labeldock.db.tables import Run, Storage
from labeldock.services import access, leases, parts, runs, scheduling
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import (
    build_connection,
    list_secrets,
    open_connection,
    save_secrets,
    split_secrets,
)
from labeldock.services.context import AppContext
from labeldock.services.events import requests as event_runs
from labeldock.services.exporting.deliveries import Deliveries, count_deliveries
from labeldock.services.exporting.reshaping import read_shape, reshape
from labeldock.services.importing.retrying import forget_failures
from labeldock.services.quotas import Limit, require_team_room
from labeldock.services.runs import RunView
from labeldock.services.slots.detaching import detach_storage
from labeldock.services.storage_changes import (
    SHOWN_FIELDS,
    Change,
    changed_by_others,
    is_reconnected,
    read_stored,
    refuse_other_address,
)
from labeldock.services.storage_checks import (
    ask_connection,
    check_connection,
    refuse_empty_secrets,
    validate_draft,
)
from labeldock.services.storage_deeds import note_added, note_changed, note_removed
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storage_rows import load_row, lock_row

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StorageView:
    """A storage as it is shown; secrets are only named, never given."""

    id: int
    project_id: int
    purpose: Purpose
    provider: str
    api_type: str
    provider_title: str
    fields: dict[str, Any]
    settings: dict[str, Any]
    secrets_set: tuple[str, ...]
    base_uri: str
    created_at: datetime
    run: RunView | None
    last_success_at: datetime | None
    last_success_count: int | None
    next_run_at: datetime | None
    attention: str | None
    deliveries: Deliveries | None = None

    @property
    def status(self) -> str:
        """The storage's status in the words of the API."""
        if self.run is None:
            return "initialized"
        return STATUS_OF.get(self.run.state, self.run.state)


STATUS_OF: Final = {"cancelled": "failed", "lost": "queued"}
"""Runs have two states more than storages, whose clients do not know them."""

_ATTEMPTS: Final = 10  # each is lost to somebody else's change, which was saved


# Connecting


def add_storage(
    app: AppContext, principal: Principal, draft: StorageDraft
) -> StorageView:
    """Connect a storage after checking it; nothing is saved if the check fails.

    Raises:
        InvalidInput: a value is wrong, or the storage cannot be used: see `problems`.
        UnknownProvider, ProviderUnavailable: as they say.
        QuotaExceeded: the team may not have more storages.
    """
    _authorize(app, principal, draft.project_id, Permission.MANAGE)
    fields, options, bound = validate_draft(app, draft)
    check_connection(build_connection(app, None, bound, draft.purpose, options), fields)
    plain, secrets = split_secrets(options)
    storage = Storage(
        project_id=draft.project_id,
        purpose=draft.purpose,
        provider=bound.info.name,
        settings=plain,
        settings_version=bound.info.settings_version,
        base_uri=options.base_uri(),
        **fields,
    )
    with app.database.write() as session:
        access.require(session, principal, draft.project_id, Permission.MANAGE)
        connection = session.connection()
        require_team_room(app, connection, draft.project_id, Limit.STORAGES)
        session.add(storage)
        session.flush()
        scheduling.plan_next_run(session, storage, before=None)
        save_secrets(app, session, storage.id, secrets)
        note_added(session, principal, storage, secrets)
        view = _view(app, session, storage)
    _announce(app, view, "added")
    return view


def connect_storage(
    app: AppContext, principal: Principal, draft: StorageDraft
) -> StorageView:
    """Add a storage; one for export is synced at once, if the settings say so."""
    view = add_storage(app, principal, draft)
    is_wanted = app.settings.sync_on_target_storage_creation
    is_export = view.purpose is Purpose.EXPORT and view.fields["synchronizable"]
    if not (is_wanted and is_export):
        return view
    return sync_storage(app, principal, view.id, view.purpose)


def update_storage(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    changes: Mapping[str, Any],
) -> StorageView:
    """Change what is given; secrets that are left out are kept.

    Raises:
        InvalidInput: a value is wrong (an empty secret too), the check fails, or an
            address changes and a secret is left out; nothing was changed.
        Conflict: others changed it each time that this change was about to be saved.
    """
    for _ in range(_ATTEMPTS):
        change = _prepare_change(app, principal, storage_id, purpose, changes)
        changed = _save_change(app, principal, change)
        if changed is not None:
            break
    else:
        raise changed_by_others(storage_id)
    view, run = changed
    if run is not None and view.run is not None:
        app.bell.ring_run(view.run.id, view.run.kind)
    _announce(app, view, "updated")
    return view


def _prepare_change(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    changes: Mapping[str, Any],
) -> Change:
    with app.database.read() as session:
        storage = load_row(session, principal, storage_id, purpose, Permission.MANAGE)
        stored = read_stored(app, session, storage, changes)
        project_id, provider = storage.project_id, storage.provider
    refuse_empty_secrets(app, provider, purpose, changes)
    values = {**stored.values, **changes}
    draft = StorageDraft(project_id, purpose, provider, values)
    fields, options, bound = validate_draft(app, draft)
    refuse_other_address(stored, options)
    if is_reconnected(stored.values, changes):
        check_connection(
            build_connection(app, storage_id, bound, purpose, options), fields
        )
    seen_at, given = stored.updated_at, frozenset(changes)
    return Change(storage_id, purpose, seen_at, fields, options, bound, given)


def _save_change(
    app: AppContext, principal: Principal, change: Change
) -> tuple[StorageView, Run | None] | None:
    """Write a change, unless the storage is not what the change was made from."""
    fields = change.fields
    plain, secrets = split_secrets(change.options)
    with app.database.write() as session:
        lock_row(session, change.storage_id)
        storage = load_row(
            session, principal, change.storage_id, change.purpose, Permission.MANAGE
        )
        if storage.updated_at != change.seen_at:
            return None
        if storage.use_blob_urls != fields["use_blob_urls"]:
            forget_failures(session, storage.id)
        before, shape = scheduling.find_schedule(storage), read_shape(storage)
        for name, value in fields.items():
            setattr(storage, name, value)
        scheduling.plan_next_run(session, storage, before=before)
        storage.settings = plain
        storage.settings_version = change.bound.info.settings_version
        storage.base_uri = change.options.base_uri()
        storage.updated_at = change.saved_at
        save_secrets(app, session, storage.id, secrets)
        note_changed(session, principal, storage, change)
        session.flush()
        run = reshape(session, storage, shape)
        session.flush()
        return _view(app, session, storage), run


def validate_storage(
    app: AppContext,
    principal: Principal,
    draft: StorageDraft,
    *,
    storage_id: int | None = None,
    probe_write: bool = False,
    origin: str | None = None,
) -> ValidationReport:
    """Check a storage without saving anything.

    With `storage_id`, values that are left out are those of that storage; with
    `origin`, also whether pages from there may read what it presigns.

    Raises:
        InvalidInput: a value is wrong.
    """
    complete = complete_draft(app, principal, draft, storage_id)
    fields, options, bound = validate_draft(app, complete)
    connection = build_connection(app, storage_id, bound, draft.purpose, options)
    return ask_connection(connection, fields, probe_write=probe_write, origin=origin)


def complete_draft(
    app: AppContext, principal: Principal, draft: StorageDraft, storage_id: int | None
) -> StorageDraft:
    """A draft with the values that it leaves out, from the storage that it is about.

    Raises:
        InvalidInput: the storage is of another provider, or an address changes and a
            secret is left out.
        NotFound, NotAllowed: as they say.
    """
    values, stored = dict(draft.values), None
    with app.database.read() as session:
        access.require(session, principal, draft.project_id, Permission.MANAGE)
        if storage_id is not None:
            storage = load_row(
                session, principal, storage_id, draft.purpose, Permission.MANAGE
            )
            if storage.provider != app.catalog.provider(draft.provider).info.name:
                raise InvalidInput(
                    f"Storage {storage_id} is of the provider {storage.provider}.",
                    field="type",
                )
            stored = read_stored(app, session, storage, values)
            values = {**stored.values, **values}
    complete = StorageDraft(draft.project_id, draft.purpose, draft.provider, values)
    if stored is not None:
        _, options, _ = validate_draft(app, complete)
        refuse_other_address(stored, options)
    return complete


def _authorize(
    app: AppContext, principal: Principal, project_id: int, permission: Permission
) -> None:
    with app.database.read() as session:
        access.require(session, principal, project_id, permission)


# Showing


def get_storage(
    app: AppContext, principal: Principal, storage_id: int, purpose: Purpose
) -> StorageView:
    """One storage.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        storage = load_row(session, principal, storage_id, purpose, Permission.VIEW)
        return _view(app, session, storage)


def find_storage(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    *,
    most_counted: int | None = None,
) -> StorageView:
    """One storage by its number alone, whatever its purpose.

    With `most_counted`, deliveries are counted up to that number only.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        missing = NotFound(f"There is no storage {storage_id}.", field="storage")
        if storage is None:
            raise missing
        project_id = storage.project_id
        access.require(session, principal, project_id, Permission.VIEW, hidden=missing)
        return _view(app, session, storage, most_counted)


def list_storages(
    app: AppContext,
    principal: Principal,
    project_id: int,
    purpose: Purpose,
    *,
    provider: str | None = None,
    most_counted: int | None = None,
) -> list[StorageView]:
    """The storages of a project, by number; lost runs are noticed on the way.

    With `most_counted`, deliveries are counted up to that number only.
    """
    leases.reap_lost_runs(app)
    parts.reap_lost_parts(app)
    query = (
        select(Storage)
        .where(Storage.project_id == project_id, Storage.purpose == purpose)
        .order_by(col(Storage.id))
    )
    if provider is not None:
        query = query.where(Storage.provider == provider)
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        found = session.exec(query).all()
        return [_view(app, session, each, most_counted) for each in found]


def _view(
    app: AppContext,
    session: Session,
    storage: Storage,
    most_counted: int | None = None,
) -> StorageView:
    purpose = Purpose(storage.purpose)
    run = session.get(Run, storage.last_run_id) if storage.last_run_id else None
    attention, api_type, title = None, storage.provider, storage.provider
    settings = storage.settings
    try:
        connection = open_connection(app, session, storage)
        info = connection.provider.info
        api_type, title = info.api_type or info.name, info.title
        settings, _ = split_secrets(connection.ref.options)
    except LabeldockError as error:  # the provider is gone, or its settings changed
        attention = f"{error.message} {error.remedy or ''}".strip()
    return StorageView(
        id=storage.id,
        project_id=storage.project_id,
        purpose=purpose,
        provider=storage.provider,
        api_type=api_type,
        provider_title=title,
        fields={name: getattr(storage, name) for name in SHOWN_FIELDS[purpose]},
        settings=settings,
        secrets_set=list_secrets(session, storage.id),
        base_uri=storage.base_uri,
        created_at=storage.created_at,
        run=runs.view_run(run) if run else None,
        last_success_at=storage.last_success_at,
        last_success_count=storage.last_success_count,
        next_run_at=storage.next_run_at,
        attention=attention,
        deliveries=_count_deliveries(session, storage, most_counted),
    )


def _count_deliveries(
    session: Session, storage: Storage, most: int | None
) -> Deliveries | None:
    if storage.purpose != Purpose.EXPORT:
        return None
    return count_deliveries(session, storage.id, most)


# Working and removing


def sync_storage(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    *,
    only_new: bool | None = None,
    retry_failed: bool = False,
) -> StorageView:
    """Ask for a sync; answers at once. An active run is given back, not doubled.

    One that only looks at what notifications named is made into a whole sync. With
    `only_new`, an export writes only what is new or changed since it was written; left
    out, the storage says so. With `retry_failed`, an import reads files again that gave
    no task and have not changed since.

    Raises:
        InvalidInput: the storage is not synchronizable.
    """
    options = {} if only_new is None else {"only_new": only_new}
    options |= {"retry_failed": True} if retry_failed else {}
    view = _request_sync(app, principal, storage_id, purpose, options)
    while view.run is not None and event_runs.is_drain(view.run):
        event_runs.widen(app, view.run.id, principal.user_id, options)
        view = _request_sync(app, principal, storage_id, purpose, options)
    if view.run is not None:
        app.bell.ring_run(view.run.id, view.run.kind)
    return view


def _request_sync(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    options: dict[str, Any],
) -> StorageView:
    with app.database.write() as session:
        lock_row(session, storage_id)  # first, so that its last run is seen
        storage = load_row(session, principal, storage_id, purpose, Permission.MANAGE)
        if not storage.synchronizable:
            raise InvalidInput(
                f"Storage {storage_id} is not synchronizable",
                field="synchronizable",
                remedy="Set synchronizable to true first.",
            )
        if options.get("retry_failed"):
            forget_failures(session, storage_id)
        runs.request_run(
            session, storage, requested_by_id=principal.user_id, options=options
        )
        session.flush()
        return _view(app, session, storage)


def remove_storage(
    app: AppContext, principal: Principal, storage_id: int, purpose: Purpose
) -> None:
    """Disconnect a storage; its tasks and the objects in the bucket stay.

    What its tasks came from is remembered by a detached slot.

    Raises:
        Conflict: a run is at work on it.
    """
    with app.database.write() as session:
        storage = load_row(session, principal, storage_id, purpose, Permission.MANAGE)
        runs.refuse_busy(session, storage_id)
        view = _view(app, session, storage)
        detach_storage(session, storage)
        note_removed(session, principal, storage)
        session.delete(storage)
    _announce(app, view, "removed")


def _announce(app: AppContext, view: StorageView, change: str) -> None:
    event = StorageChanged(view.id, view.project_id, view.provider, change)
    app.epochs.end(view.project_id)
    app.catalog.notify("after_storage_changed", event)
    _log.info("storage_changed", storage_id=view.id, change=change)

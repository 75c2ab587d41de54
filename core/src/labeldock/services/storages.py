"""Storages: connect, check, change, remove, show.

What a storage's last sync came to is told by its last run; nothing is kept twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlmodel import Session, col, delete, select

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    LabeldockError,
    NotFound,
)
from labeldock.contract.observers import StorageChanged
from labeldock.contract.values import (
    Purpose,
    ValidationReport,
)
from labeldock.db.tables import ACTIVE_RUN_STATES, ImportLink, Run, Storage, utc_now
from labeldock.host.references import select_model
from labeldock.services import access, leases, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import (
    build_connection,
    list_secrets,
    load_secrets,
    open_connection,
    read_settings,
    save_secrets,
    split_secrets,
)
from labeldock.services.context import AppContext
from labeldock.services.exporting.outbox import Deliveries, count_deliveries
from labeldock.services.runs import RunView
from labeldock.services.storage_checks import (
    ask_connection,
    check_connection,
    refuse_empty_secrets,
    validate_draft,
)
from labeldock.services.storage_fields import StorageDraft

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
    attention: str | None
    deliveries: Deliveries | None = None

    @property
    def status(self) -> str:
        """The storage's status in the words of the API."""
        if self.run is None:
            return "initialized"
        return "failed" if self.run.state == "cancelled" else self.run.state


_FIELDS: Final = (
    "title",
    "description",
    "prefix",
    "literal_prefix",
    "synchronizable",
    "regex_filter",
    "use_blob_urls",
)
_IMPORT_FIELDS: Final = (*_FIELDS, "recursive_scan", "presign", "presign_ttl")
_EXPORT_FIELDS: Final = (*_FIELDS, "can_delete_objects")
_DISPLAYED: Final = frozenset(
    {"title", "description", "synchronizable", "presign", "presign_ttl"}
    | {"can_delete_objects"}
)
SHOWN_FIELDS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.IMPORT: _IMPORT_FIELDS,
    Purpose.EXPORT: _EXPORT_FIELDS,
}


# Connecting


def add_storage(
    app: AppContext, principal: Principal, draft: StorageDraft
) -> StorageView:
    """Connect a storage after checking it; nothing is saved if the check fails.

    Raises:
        InvalidInput: a value is wrong, or the storage cannot be used: see `problems`.
        UnknownProvider, ProviderUnavailable: as they say.
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
        session.add(storage)
        session.flush()
        save_secrets(app, session, storage.id, secrets)
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
        InvalidInput: a value is wrong (an empty secret too), or the check fails;
            nothing was changed.
    """
    with app.database.read() as session:
        storage = _load(session, principal, storage_id, purpose, Permission.MANAGE)
        current = _current_values(app, session, storage, changes)
        project_id, provider = storage.project_id, storage.provider
    refuse_empty_secrets(app, provider, purpose, changes)
    draft = StorageDraft(project_id, purpose, provider, {**current, **changes})
    fields, options, bound = validate_draft(app, draft)
    if _is_reconnected(current, changes):
        check_connection(
            build_connection(app, storage_id, bound, purpose, options), fields
        )
    plain, secrets = split_secrets(options)
    with app.database.write() as session:
        _lock(session, storage_id)
        storage = _load(session, principal, storage_id, purpose, Permission.MANAGE)
        if storage.use_blob_urls != fields["use_blob_urls"]:
            _forget_failures(session, storage_id)
        for name, value in fields.items():
            setattr(storage, name, value)
        storage.settings = plain
        storage.settings_version = bound.info.settings_version
        storage.base_uri = options.base_uri()
        storage.updated_at = utc_now()
        save_secrets(app, session, storage_id, secrets)
        session.flush()
        view = _view(app, session, storage)
    _announce(app, view, "updated")
    return view


def _is_reconnected(current: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether a change is about what is looked at, so that it has to be checked."""
    changed = {name for name, value in changes.items() if current.get(name) != value}
    return not changed <= _DISPLAYED


def _lock(session: Session, storage_id: int) -> None:
    query = select(Storage.id).where(Storage.id == storage_id)
    session.exec(query.with_for_update(key_share=True)).first()


def _forget_failures(session: Session, storage_id: int) -> None:
    session.execute(
        delete(ImportLink).where(
            col(ImportLink.storage_id) == storage_id,
            col(ImportLink.state).in_(("failed", "empty")),
        )
    )


def validate_storage(
    app: AppContext,
    principal: Principal,
    draft: StorageDraft,
    *,
    storage_id: int | None = None,
    probe_write: bool = False,
) -> ValidationReport:
    """Check a storage without saving anything.

    With `storage_id`, values that are left out are those of that storage.

    Raises:
        InvalidInput: a value is wrong.
    """
    values = dict(draft.values)
    with app.database.read() as session:
        access.require(session, principal, draft.project_id, Permission.MANAGE)
        if storage_id is not None:
            storage = _load(
                session, principal, storage_id, draft.purpose, Permission.MANAGE
            )
            if storage.provider != app.catalog.provider(draft.provider).info.name:
                raise InvalidInput(
                    f"Storage {storage_id} is of the provider {storage.provider}.",
                    field="type",
                )
            values = {**_current_values(app, session, storage, values), **values}
    complete = StorageDraft(draft.project_id, draft.purpose, draft.provider, values)
    fields, options, bound = validate_draft(app, complete)
    connection = build_connection(app, storage_id, bound, draft.purpose, options)
    return ask_connection(connection, fields, probe_write=probe_write)


def _authorize(
    app: AppContext, principal: Principal, project_id: int, permission: Permission
) -> None:
    with app.database.read() as session:
        access.require(session, principal, project_id, permission)


def _current_values(
    app: AppContext, session: Session, storage: Storage, changes: Mapping[str, Any]
) -> dict[str, Any]:
    bound = app.catalog.provider(storage.provider)
    settings = read_settings(bound, storage)
    fields = {f: getattr(storage, f) for f in SHOWN_FIELDS[Purpose(storage.purpose)]}
    known = select_model(bound, Purpose(storage.purpose)).model_fields
    kept = {k: v for k, v in settings.items() if k in known}
    # A secret that is entered again need not be readable.
    secrets = load_secrets(app, session, storage.id, without=changes)
    return {**fields, **kept, **{k: v for k, v in secrets.items() if k in known}}


# Showing


def get_storage(
    app: AppContext, principal: Principal, storage_id: int, purpose: Purpose
) -> StorageView:
    """One storage.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        storage = _load(session, principal, storage_id, purpose, Permission.VIEW)
        return _view(app, session, storage)


def find_storage(app: AppContext, principal: Principal, storage_id: int) -> StorageView:
    """One storage by its number alone, whatever its purpose.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"There is no storage {storage_id}.", field="storage")
        access.require(session, principal, storage.project_id, Permission.VIEW)
        return _view(app, session, storage)


def list_storages(
    app: AppContext,
    principal: Principal,
    project_id: int,
    purpose: Purpose,
    *,
    provider: str | None = None,
) -> list[StorageView]:
    """The storages of a project, by number; lost runs are noticed on the way."""
    leases.reap_lost_runs(app)
    query = (
        select(Storage)
        .where(Storage.project_id == project_id, Storage.purpose == purpose)
        .order_by(col(Storage.id))
    )
    if provider is not None:
        query = query.where(Storage.provider == provider)
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        return [_view(app, session, storage) for storage in session.exec(query)]


def _load(
    session: Session,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    permission: Permission,
) -> Storage:
    storage = session.get(Storage, storage_id)
    if storage is None or storage.purpose != purpose:
        raise NotFound(
            f"There is no {purpose.value} storage {storage_id}.", field="storage"
        )
    access.require(session, principal, storage.project_id, permission)
    return storage


def _view(app: AppContext, session: Session, storage: Storage) -> StorageView:
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
        attention=attention,
        deliveries=_count_deliveries(session, storage),
    )


def _count_deliveries(session: Session, storage: Storage) -> Deliveries | None:
    if storage.purpose != Purpose.EXPORT:
        return None
    return count_deliveries(session, storage.id)


# Working and removing


def sync_storage(
    app: AppContext, principal: Principal, storage_id: int, purpose: Purpose
) -> StorageView:
    """Ask for a sync; answers at once. An active run is given back, not doubled.

    Raises:
        InvalidInput: the storage is not synchronizable.
    """
    with app.database.write() as session:
        _lock(session, storage_id)  # first, so that its last run is seen
        storage = _load(session, principal, storage_id, purpose, Permission.MANAGE)
        if not storage.synchronizable:
            raise InvalidInput(
                f"Storage {storage_id} is not synchronizable",
                field="synchronizable",
                remedy="Set synchronizable to true first.",
            )
        run, _ = runs.request_run(session, storage, requested_by_id=principal.user_id)
        session.flush()
        run_id, kind = run.id, run.kind
        view = _view(app, session, storage)
    app.bell.ring_run(run_id, kind)
    return view


def remove_storage(
    app: AppContext, principal: Principal, storage_id: int, purpose: Purpose
) -> None:
    """Disconnect a storage; its tasks and the objects in the bucket stay.

    Raises:
        Conflict: a run is at work on it.
    """
    with app.database.write() as session:
        storage = _load(session, principal, storage_id, purpose, Permission.MANAGE)
        _refuse_busy(session, storage_id)
        view = _view(app, session, storage)
        session.delete(storage)
    _announce(app, view, "removed")


def _refuse_busy(session: Session, storage_id: int) -> None:
    # Locked, as whoever claims a run or writes a page for it does first.
    active = select(Run).where(
        Run.storage_id == storage_id, col(Run.state).in_(ACTIVE_RUN_STATES)
    )
    run = session.exec(active.with_for_update()).first()
    if run is not None and run.state == "in_progress":
        raise Conflict(
            f"Storage {storage_id} is being synced by run {run.id}.",
            field="storage",
            remedy=f"Cancel the run first: labeldock run cancel {run.id}",
        )


def _announce(app: AppContext, view: StorageView, change: str) -> None:
    event = StorageChanged(view.id, view.project_id, view.provider, change)
    app.catalog.notify("after_storage_changed", event)
    _log.info("storage_changed", storage_id=view.id, change=change)

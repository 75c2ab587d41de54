"""What a change of a storage starts from, and which secrets it may carry over.

A secret was entered for an address. Whoever may change the address may not read the
secret, so it is never sent to another one: it has to be entered again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from labeldock.contract.errors import Conflict, InvalidInput, LabeldockError
from labeldock.contract.options import StorageOptions, endpoint_fields
from labeldock.contract.values import Problem, Purpose
from labeldock.db.columns import utc_now
from labeldock.db.tables import Storage
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model
from labeldock.services.connections import (
    load_secrets,
    open_connection,
    read_settings,
)
from labeldock.services.context import AppContext
from labeldock.services.exporting.plans import PACE_FIELDS, SHAPING_FIELDS

_FIELDS: Final = (
    "title",
    "description",
    "prefix",
    "literal_prefix",
    "synchronizable",
    "schedule",
    "regex_filter",
    "use_blob_urls",
)
_IMPORT_FIELDS: Final = (
    *_FIELDS, "recursive_scan", "on_change", "presign", "presign_ttl",
)  # fmt: skip
_EXPORT_FIELDS: Final = (*_FIELDS, "can_delete_objects", *SHAPING_FIELDS, *PACE_FIELDS)
_DISPLAYED: Final = frozenset(
    {"title", "description", "synchronizable", "schedule", "presign", "presign_ttl"}
    | {"can_delete_objects", "on_change", *SHAPING_FIELDS, *PACE_FIELDS}
)
SHOWN_FIELDS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.IMPORT: _IMPORT_FIELDS,
    Purpose.EXPORT: _EXPORT_FIELDS,
}
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A storage as it was read before a change of it.

    Attributes:
        values: what the change keeps if it leaves it out, secrets in the clear.
        secrets: the names of the secrets among them.
        endpoints: the addresses that requests go to, each with its field.
        is_whole: whether those are all; else only the fields marked as addresses.
        updated_at: when it was changed last.
    """

    values: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...]
    endpoints: frozenset[tuple[str, str]]
    is_whole: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A storage as it is to be saved, and when what that was made from was changed.

    `given` names the fields that somebody sent.
    """

    storage_id: int
    purpose: Purpose
    seen_at: datetime
    fields: dict[str, Any]
    options: StorageOptions
    bound: BoundProvider
    given: frozenset[str] = frozenset()

    @property
    def saved_at(self) -> datetime:
        """Now, yet always later than before: it tells changes apart."""
        return max(utc_now(), self.seen_at + _TICK)


def changed_by_others(storage_id: int) -> Conflict:
    """The error for a change that others were faster than, each time."""
    return Conflict(
        f"Storage {storage_id} is being changed by somebody else all the time.",
        field="storage",
        remedy="Look at what it is now, and send your change again.",
    )


def read_stored(
    app: AppContext, session: Session, storage: Storage, changes: Mapping[str, Any]
) -> Stored:
    """What a storage has that `changes` leave out.

    Raises:
        ConfigurationError: a secret that is left out cannot be read.
        InvalidInput, UnknownProvider, ProviderUnavailable: as in `open_connection`.
    """
    bound = app.catalog.provider(storage.provider)
    purpose = Purpose(storage.purpose)
    settings = read_settings(bound, storage)
    model = select_model(bound, purpose)
    # A secret that is entered again need not be readable.
    secrets = load_secrets(app, session, storage.id, without=changes)
    own = {k: v for k, v in (settings | secrets).items() if k in model.model_fields}
    fields = {name: getattr(storage, name) for name in SHOWN_FIELDS[purpose]}
    try:
        options = open_connection(app, session, storage).ref.options
        is_whole, endpoints = True, frozenset(options.list_endpoints())
    except LabeldockError:  # a secret cannot be read, or the settings need a repair
        is_whole, endpoints = False, _list_marked(model, settings)
    kept = tuple(sorted(own.keys() & secrets.keys()))
    return Stored({**fields, **own}, kept, endpoints, is_whole, storage.updated_at)


def refuse_other_address(stored: Stored, options: StorageOptions) -> None:
    """Refuse to send stored secrets to another address than they were entered for.

    Raises:
        InvalidInput: an address differs; names the secrets that were left out.
    """
    model = type(options)
    endpoints = (
        frozenset(options.list_endpoints())
        if stored.is_whole
        else _list_marked(model, options.model_dump(mode="json"))
    )
    changed = sorted({name for name, _ in endpoints ^ stored.endpoints})
    if not (changed and stored.secrets):
        return
    text = f"It was stored for another address: {', '.join(changed)} changed."
    problems = [
        Problem(name, text, "Enter it again.", "address_changed")
        for name in stored.secrets
    ]
    raise InvalidInput(
        "Stored secrets cannot be used for another address.", problems=problems
    )


def _list_marked(
    model: type[StorageOptions], values: Mapping[str, Any]
) -> frozenset[tuple[str, str]]:
    given = ((name, values.get(name)) for name in endpoint_fields(model))
    return frozenset((name, str(value)) for name, value in given if value)


def is_reconnected(current: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether a change is about what is looked at, so that it has to be checked."""
    changed = {name for name, value in changes.items() if current.get(name) != value}
    return not changed <= _DISPLAYED

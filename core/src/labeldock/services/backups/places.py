"""Storages and slots as an archive describes them, and what a URI leads to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlmodel import Session, col, select

from labeldock.contract.values import Purpose
from labeldock.db.slots import Slot
from labeldock.db.tables import Storage
from labeldock.db.types import load_json
from labeldock.services.backups.format import Kind, StorageRecord
from labeldock.services.connections import list_secrets
from labeldock.services.context import AppContext
from labeldock.services.resolving.data import map_texts
from labeldock.services.resolving.storages import (
    Located,
    MediaSource,
    MediaSources,
    Origin,
    Standing,
    load_sources,
)
from labeldock.services.resolving.uris import find_uris, lower_scheme
from labeldock.services.storage_fields import join_prefix

_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]*@")
_IMPORT_SETTINGS: Final = (
    "description", "recursive_scan", "regex_filter", "use_blob_urls", "presign",
    "presign_ttl", "literal_prefix", "on_change", "schedule", "synchronizable",
)  # fmt: skip
_EXPORT_SETTINGS: Final = (
    "description", "payload", "key_template", "layout", "indent", "export_on_save",
    "can_delete_objects", "schedule", "synchronizable", "literal_prefix",
)  # fmt: skip
Media = Literal["references", "included"]


class Object(NamedTuple):
    """An object that a task refers to: what the archive calls it, and where it lies."""

    slot: str
    key: str
    located: Located


@dataclass(frozen=True, slots=True)
class Places:
    """The slots and storages of a project, by what the archive calls them.

    Attributes:
        sources: what serves the project's media.
        records: as they are written.
        storage_names: by the number of the storage.
        slot_names: by the number of the slot.
    """

    sources: MediaSources
    records: tuple[StorageRecord, ...]
    storage_names: dict[int, str]
    slot_names: dict[int, str]
    slots: dict[int, Slot]

    @property
    def has_references(self) -> bool:
        """Whether there are media that a lightweight backup would leave out."""
        return any(r.purpose == "import" and not self._is_kept(r) for r in self.records)

    def _is_kept(self, record: StorageRecord) -> bool:
        kept = {self.slot_names[s.id] for s in self.slots.values() if s.is_kept}
        return record.name in kept

    @property
    def has_kept(self) -> bool:
        """Whether media of the project lie in Labeldock's own persistent storage."""
        return any(slot.is_kept for slot in self.slots.values())

    def choose(self, found: Iterable[Object], kind: Kind) -> list[Object]:
        """Those objects that belong into an archive of a kind."""
        return [o for o in found if kind == "full" or o.located.source.is_kept]

    def mark(self, kind: Kind) -> list[StorageRecord]:
        """The records, each saying whether its objects are in an archive of a kind."""
        return [
            record.model_copy(update={"media": self._choose(record, kind)})
            for record in self.records
        ]

    def _choose(self, record: StorageRecord, kind: Kind) -> Media:
        is_in = record.purpose == "import" and (kind == "full" or self._is_kept(record))
        return "included" if is_in else "references"

    def name(self, source: MediaSource) -> str:
        """What the archive calls a source of media."""
        if source.slot_id is not None:
            return self.slot_names[source.slot_id]
        return self.storage_names[source.id]

    def name_link(
        self, storage_id: int, slot_id: int | None, key: str
    ) -> tuple[str, str]:
        """Slot and key of an object that a storage has a link for."""
        slot = self.slots.get(slot_id or 0)
        if slot is None:
            return self.storage_names[storage_id], key
        if key.startswith(slot.mapped_prefix):
            key = slot.prefix + key[len(slot.mapped_prefix) :]
        return slot.name, key

    def find_objects(self, data: Any, origin: Origin) -> list[Object]:
        """The objects that a task refers to, as the resolver would find them.

        Args:
            data: the task's data, or the JSON text of it.
            origin: where the task came from.
        """
        if isinstance(data, str):
            data = load_json(data)
        found: dict[str, None] = {}

        def note(text: str) -> str:
            if self.sources.is_origin(text, origin):
                found[lower_scheme(text)] = None
            else:
                uris = find_uris(text, self.sources.schemes)
                found.update(dict.fromkeys(each.uri for each in uris))
            return text

        map_texts(data, note)
        return [o for uri in found if (o := self._locate(uri, origin.storage_id))]

    def _locate(self, uri: str, origin_id: int | None) -> Object | None:
        located = self.sources.find(uri, origin_id)
        if located is None:
            return None
        source = located.source
        for base in source.bases:
            rest = uri[len(base) :]
            if uri.startswith(base) and source.map_key(rest) == located.key:
                return Object(self.name(source), rest, located)
        return None


def load_places(app: AppContext, session: Session, project_id: int) -> Places:
    """The slots and storages of a project, connected or not."""
    storages = session.exec(
        select(Storage)
        .where(Storage.project_id == project_id)
        .order_by(col(Storage.id))
    ).all()
    slots = session.exec(
        select(Slot).where(Slot.project_id == project_id).order_by(col(Slot.id))
    ).all()
    taken = {slot.name for slot in slots}
    storage_names, records = dict[int, str](), [_describe_slot(each) for each in slots]
    for storage in storages:
        own = _find_own(storage, slots)
        if own is not None:
            storage_names[storage.id] = own.name
            continue
        name = _choose_name(storage, taken)
        taken.add(name)
        storage_names[storage.id] = name
        records.append(_describe_storage(session, storage, name))
    return Places(
        sources=load_sources(app.catalog, session, project_id),
        records=tuple(records),
        storage_names=storage_names,
        slot_names={slot.id: slot.name for slot in slots},
        slots={slot.id: slot for slot in slots},
    )


def _find_own(storage: Storage, slots: Collection[Slot]) -> Slot | None:
    """The slot whose origin is the storage itself."""
    if storage.purpose != Purpose.IMPORT:
        return None
    prefix = join_prefix(storage.prefix, is_literal=storage.literal_prefix)
    place = (storage.base_uri, prefix)
    return next((s for s in slots if (s.base_uri, s.prefix) == place), None)


def _choose_name(storage: Storage, taken: set[str]) -> str:
    number = 1
    while (name := f"{storage.provider}-{number}") in taken:
        number += 1
    return name


def _describe_slot(slot: Slot) -> StorageRecord:
    return StorageRecord(
        name=slot.name,
        purpose="import",
        provider=slot.provider,
        title=None,
        base_uri=slot.base_uri,
        prefix=slot.prefix,
        options=_clean(slot.options),
        settings_version=1,
        secrets=(),
        settings={},
        media="references",
    )


def _describe_storage(session: Session, storage: Storage, name: str) -> StorageRecord:
    is_import = storage.purpose == Purpose.IMPORT
    fields = _IMPORT_SETTINGS if is_import else _EXPORT_SETTINGS
    return StorageRecord(
        name=name,
        purpose="import" if is_import else "export",
        provider=storage.provider,
        title=storage.title,
        base_uri=_clean(storage.base_uri),
        prefix=join_prefix(storage.prefix, is_literal=storage.literal_prefix),
        options=_clean(storage.settings),
        settings_version=storage.settings_version,
        secrets=list_secrets(session, storage.id),
        settings={field: getattr(storage, field) for field in fields},
        media="references",
    )


def _clean(value: Any) -> Any:
    """Settings without user and password, which an address may have in it."""
    match value:
        case str():
            return _USERINFO.sub("", value)
        case dict():
            return {name: _clean(each) for name, each in value.items()}
        case list():
            return [_clean(each) for each in value]
        case _:
            return value


def is_detached(source: MediaSource) -> bool:
    """Whether nothing is known to have its objects."""
    return source.standing is Standing.DETACHED

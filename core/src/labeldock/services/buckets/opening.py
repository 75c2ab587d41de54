"""A saved storage, opened for somebody who may look around in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import Connection, open_connection
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import compile_pattern, join_prefix


@dataclass(frozen=True, slots=True)
class OpenBucket:
    """A bucket as a storage sees it.

    Attributes:
        storage_id: the storage.
        purpose: what it is for.
        connection: where it is read.
        prefix: nothing outside it is shown.
        pattern: which keys an import takes, or None for all.
    """

    storage_id: int
    purpose: Purpose
    connection: Connection
    prefix: str
    pattern: Any  # re2 has no type of its own

    def ensure_within(self, key: str) -> None:
        """Refuse what lies outside the storage's prefix.

        Raises:
            InvalidInput: it does.
        """
        if not key.startswith(self.prefix):
            raise InvalidInput(
                f"The storage shows only what lies below {self.prefix!r}.",
                field="prefix",
                remedy="Connect a storage with another prefix to see more.",
            )


def open_bucket(app: AppContext, principal: Principal, storage_id: int) -> OpenBucket:
    """The bucket of a storage; for those who may change it.

    Raises:
        NotFound, NotAllowed: as they say.
        UnknownProvider, ProviderUnavailable, ConfigurationError, InvalidInput: the
            storage cannot be used as it is.
    """
    missing = NotFound(f"Storage {storage_id} does not exist.", field="storage")
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise missing
        access.require(
            session, principal, storage.project_id, Permission.MANAGE, hidden=missing
        )
        pattern = storage.regex_filter
        return OpenBucket(
            storage_id=storage.id,
            purpose=Purpose(storage.purpose),
            connection=open_connection(app, session, storage),
            prefix=join_prefix(storage.prefix, is_literal=storage.literal_prefix),
            pattern=compile_pattern(pattern) if pattern else None,
        )

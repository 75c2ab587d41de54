"""From a storage's row to a live connection: provider, validated options, secrets.

Secrets are kept in a table of their own, encrypted, and readable without the provider's
settings model; here they are joined with the plain settings and validated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr
from sqlmodel import Session, col, delete, select

from labeldock.contract.errors import NotFound
from labeldock.contract.options import StorageOptions, secret_fields
from labeldock.contract.values import ObjectBody, Purpose, ReadRequest, StorageRef
from labeldock.db.secrets import EncryptedValue
from labeldock.db.tables import Storage, StorageSecret
from labeldock.host.binding import BoundProvider
from labeldock.host.references import (
    build_storage_ref,
    upgrade_settings,
    validate_options,
)
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Connection:
    """A provider and the storage to call it with."""

    provider: BoundProvider
    ref: StorageRef

    @property
    def fingerprint(self) -> str:
        """Changes with the settings; for what is kept by place."""
        return self.ref.fingerprint

    def get_data(self, request: ReadRequest) -> ObjectBody:
        """An object or a range of it; raises what the provider does."""
        return self.provider.get_data(self.ref, request)


class Place(Protocol):
    """Where bytes can be read by key: a cloud storage, or the persistent storage."""

    @property
    def fingerprint(self) -> str:
        """Tells this place from others."""

    def get_data(self, request: ReadRequest) -> ObjectBody:
        """What lies there.

        Raises:
            StorageError: there is no such thing, or it cannot be read.
        """


def open_connection(app: AppContext, session: Session, storage: Storage) -> Connection:
    """The connection of a saved storage.

    Raises:
        UnknownProvider, ProviderUnavailable: the provider is not here.
        InvalidInput: the stored settings do not fit its present model.
        ConfigurationError: a secret cannot be decrypted.
    """
    bound = app.catalog.provider(storage.provider)
    purpose = Purpose(storage.purpose)
    values = read_settings(bound, storage) | load_secrets(app, session, storage.id)
    options = validate_options(bound, purpose, values, stored=True)
    return build_connection(app, storage.id, bound, purpose, options)


def load_connection(app: AppContext, storage_id: int) -> Connection:
    """The connection of a saved storage, by number.

    Raises:
        NotFound: the storage was removed.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"Storage {storage_id} does not exist.", field="storage")
        return open_connection(app, session, storage)


def build_connection(
    app: AppContext,
    storage_id: int | None,
    bound: BoundProvider,
    purpose: Purpose,
    options: StorageOptions,
) -> Connection:
    """A connection from validated options, saved or not."""
    ref = build_storage_ref(
        bound,
        id=storage_id,
        purpose=purpose,
        options=options,
        key=app.vault.derive_key("fingerprint"),
    )
    return Connection(bound, ref)


def read_settings(bound: BoundProvider, storage: Storage) -> dict[str, Any]:
    """The stored plain settings, brought to the provider's present version."""
    return upgrade_settings(bound, storage.settings, storage.settings_version)


def split_secrets(options: StorageOptions) -> tuple[dict[str, Any], dict[str, str]]:
    """Part options into plain JSON values and the secrets that are set."""
    names = secret_fields(type(options))
    plain = options.model_dump(mode="json", exclude=set(names))
    secrets = {}
    for name in names:
        value = getattr(options, name)
        if isinstance(value, SecretStr) and value.get_secret_value():
            secrets[name] = value.get_secret_value()
    return plain, secrets


def save_secrets(
    app: AppContext, session: Session, storage_id: int, secrets: Mapping[str, str]
) -> None:
    """Replace all secrets of a storage."""
    session.execute(
        delete(StorageSecret).where(col(StorageSecret.storage_id) == storage_id)
    )
    for name, value in secrets.items():
        sealed = app.vault.encrypt(value, storage_id=storage_id, field=name)
        session.add(
            StorageSecret(
                storage_id=storage_id,
                field=name,
                key_id=sealed.key_id,
                ciphertext=sealed.ciphertext,
            )
        )


def list_secrets(session: Session, storage_id: int) -> tuple[str, ...]:
    """The names of the secrets that a storage has."""
    query = select(StorageSecret.field).where(StorageSecret.storage_id == storage_id)
    return tuple(sorted(session.exec(query)))


def load_secrets(
    app: AppContext,
    session: Session,
    storage_id: int,
    *,
    without: Collection[str] = (),
) -> dict[str, str]:
    """The secrets of a storage, decrypted, except those that are named.

    Raises:
        ConfigurationError: one cannot be read with the present master keys.
    """
    query = select(StorageSecret).where(StorageSecret.storage_id == storage_id)
    return {
        row.field: app.vault.decrypt(
            EncryptedValue(row.key_id, row.ciphertext),
            storage_id=storage_id,
            field=row.field,
        )
        for row in session.exec(query)
        if row.field not in without
    }

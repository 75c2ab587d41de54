"""Encrypting every stored secret again, with the newest of the master keys.

It goes in batches, each of them a transaction. What was done stays done, so that an
interrupted rotation is taken up by starting it again; while it works, whoever changes a
storage or a webhook waits for one batch at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from labeldock.contract.errors import ConfigurationError
from labeldock.db.messages import Webhook
from labeldock.db.secrets import EncryptedValue, Vault, name_field
from labeldock.db.tables import StorageSecret
from labeldock.services.context import AppContext
from labeldock.services.webhooks.delivery import name_owner

BATCH: Final = 200  # secrets in a transaction


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many secrets were encrypted again, and how many no present key opens."""

    storage_secrets: int
    webhook_secrets: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table of secrets, its primary key, and what a row's secret is bound to."""

    table: type[StorageSecret | Webhook]
    key: tuple[str, ...]
    find_owner: Callable[[Any], str]  # of a row of that table


_STORAGES: Final = _Kind(
    StorageSecret,
    ("storage_id", "field"),
    lambda row: name_field(row.storage_id, row.field),
)
_WEBHOOKS: Final = _Kind(Webhook, ("id",), lambda row: name_owner(row.id))


def rotate_secrets(app: AppContext, *, batch: int = BATCH) -> Rotated:
    """Encrypt again what was not encrypted with the newest key.

    What cannot be read is left as it is, and counted. Personal tokens, passwords and
    the tokens of notifications are kept as hashes, and need no key.
    """
    storages, lost_storages = _rotate(app, _STORAGES, batch)
    webhooks, lost_webhooks = _rotate(app, _WEBHOOKS, batch)
    return Rotated(storages, webhooks, lost_storages + lost_webhooks)


def _rotate(app: AppContext, kind: _Kind, batch: int) -> tuple[int, int]:
    """How many of a table were encrypted again, and how many cannot be read."""
    done, lost, after = 0, 0, None
    while True:
        with app.database.write() as session:
            rows = _load_batch(session, app.vault, kind, batch, after)
            outcomes = [_encrypt_again(app.vault, kind, row) for row in rows]
            if rows:
                after = tuple(getattr(rows[-1], name) for name in kind.key)
        done += sum(outcomes)
        lost += len(outcomes) - sum(outcomes)
        if len(outcomes) < batch:
            return done, lost


def _load_batch(
    session: Session, vault: Vault, kind: _Kind, batch: int, after: Any
) -> list[Any]:
    # Locked: what is changed meanwhile may not be replaced by what it was before.
    columns = [getattr(kind.table, name) for name in kind.key]
    query = select(kind.table).where(col(kind.table.key_id) != vault.newest)
    if after is not None:
        query = query.where(tuple_(*columns) > after)
    query = query.order_by(*columns).limit(batch).with_for_update()
    return list(session.exec(query))


def _encrypt_again(vault: Vault, kind: _Kind, row: Any) -> bool:
    owner = kind.find_owner(row)
    try:
        text = vault.unseal(EncryptedValue(row.key_id, row.ciphertext), owner=owner)
    except ConfigurationError:
        return False
    sealed = vault.seal(text, owner=owner)
    row.key_id, row.ciphertext = sealed.key_id, sealed.ciphertext
    return True

"""Encrypting every stored secret again, with the newest of the master keys.

It goes in batches, each of them a transaction. What was done stays done, so that an
interrupted rotation is taken up by starting it again; while it works, whoever changes a
storage or a webhook waits for one batch at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from labeldock.contract.errors import ConfigurationError
from labeldock.db.messages import Webhook
from labeldock.db.secrets import EncryptedValue, Vault, name_field
from labeldock.db.tables import StorageSecret
from labeldock.services import auditing
from labeldock.services.auditing import Action, Deed
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
_KINDS: Final = (_STORAGES, _WEBHOOKS)
_log = structlog.get_logger(__name__)


def rotate_secrets(app: AppContext, *, batch: int = BATCH) -> Rotated:
    """Encrypt again what was not encrypted with the newest key.

    What cannot be read is left as it is, and counted. Personal tokens, passwords and
    the tokens of notifications are kept as hashes, and need no key.
    """
    counts = {kind: [0, 0] for kind in _KINDS}
    for kind, done, lost in _iterate(app, batch):
        counts[kind][0] += done
        counts[kind][1] += lost
    (storages, lost_storages), (webhooks, lost_webhooks) = counts.values()
    _note(app, storages, webhooks)
    return Rotated(storages, webhooks, lost_storages + lost_webhooks)


def rotate_in_background(app: AppContext, *, batch: int = BATCH) -> Iterator[None]:
    """The same for a worker that has other things to do: one batch at each step.

    What no present key opens is not even looked at. A step that was the last one of a
    worker is followed by those of another: what is left to do is told by the rows.
    """
    if not _is_due(app):
        return
    counts = dict.fromkeys(_KINDS, 0)
    for kind, done, _ in _iterate(app, batch):
        counts[kind] += done
        yield
    if any(counts.values()):
        storages, webhooks = counts.values()
        _log.info("secrets_encrypted_again", storages=storages, webhooks=webhooks)
        _note(app, storages, webhooks)


def _is_due(app: AppContext) -> bool:
    """Whether anything is encrypted with a key that is known and not the newest."""
    with app.database.read() as session:
        for kind in _KINDS:
            query = select(kind.table.key_id).distinct()
            if any(map(app.vault.knows, set(session.exec(query)) - {app.vault.newest})):
                return True
    return False


def _note(app: AppContext, storages: int, webhooks: int) -> None:
    if storages or webhooks:
        counts = {"of_storages": storages, "of_webhooks": webhooks}
        deed = Deed(Action.SECRETS_ROTATED, "master_key", details=counts)
        auditing.record_alone(app, None, deed)


def _iterate(app: AppContext, batch: int) -> Iterator[tuple[_Kind, int, int]]:
    """Batch by batch: how many were encrypted again, and how many cannot be read."""
    for kind in _KINDS:
        after = None
        while True:
            with app.database.write() as session:
                rows = _load_batch(session, app.vault, kind, batch, after)
                outcomes = [_encrypt_again(app.vault, kind, row) for row in rows]
                if rows:
                    after = tuple(getattr(rows[-1], name) for name in kind.key)
            yield kind, sum(outcomes), len(outcomes) - sum(outcomes)
            if len(outcomes) < batch:
                break


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

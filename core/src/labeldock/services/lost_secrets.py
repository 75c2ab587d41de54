"""Which secrets no present master key opens, so that people know what to enter again.

Nothing else depends on the key: everything but those storages and webhooks works on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlmodel import Session, col, select

from labeldock.contract.errors import NotAllowed
from labeldock.db.engine import Database
from labeldock.db.messages import Webhook
from labeldock.db.tables import Storage, StorageSecret
from labeldock.services import access
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope

Knows = Callable[[str], bool]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LostSecret:
    """Something whose secrets have to be entered again.

    `kind` is `storage` or `webhook`; `fields` are the secrets' names.
    """

    kind: str
    id: int
    project_id: int | None
    title: str
    fields: tuple[str, ...]


def list_lost(app: AppContext, principal: Principal) -> list[LostSecret]:
    """What has to be entered again, for administrators.

    Raises:
        NotAllowed: who asks is none.
    """
    access.require_scope(principal, Scope.ADMIN)
    if not principal.is_admin:
        raise NotAllowed("Only administrators see this.")
    return find_lost(app.database, app.vault.knows)


def find_lost(database: Database, knows: Knows) -> list[LostSecret]:
    """The same for the operator, at the terminal and in the log.

    Args:
        database: where the secrets are.
        knows: whether there is a master key of this id.
    """
    with database.read() as session:
        return [*_find_storages(session, knows), *_find_webhooks(session, knows)]


def warn_of_lost(app: AppContext) -> int:
    """Write into the log what has to be entered again; how much it is."""
    lost = find_lost(app.database, app.vault.knows)
    for each in lost:
        _log.warning(
            "stored_secret_unreadable",
            kind=each.kind,
            id=each.id,
            project_id=each.project_id,
            fields=list(each.fields),
            remedy="Add the earlier key to LABELDOCK_SECRET_KEY, or enter it again.",
        )
    return len(lost)


def name_lost(lost: Sequence[LostSecret], most: int = 10) -> str:
    """What has to be entered again, in one line."""
    names = [f"{each.kind} {each.id} ({', '.join(each.fields)})" for each in lost]
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _find_storages(session: Session, knows: Knows) -> list[LostSecret]:
    query = (
        select(Storage.id, Storage.project_id, Storage.title, StorageSecret.field)
        .join(StorageSecret, col(StorageSecret.storage_id) == col(Storage.id))
        .where(_is_unknown(session, knows, StorageSecret))
        .order_by(col(Storage.id), StorageSecret.field)
    )
    found: dict[int, LostSecret] = {}
    for id_, project_id, title, field in session.exec(query):
        known = found.get(id_)
        fields = (*(known.fields if known else ()), field)
        found[id_] = LostSecret("storage", id_, project_id, title or "", fields)
    return list(found.values())


def _find_webhooks(session: Session, knows: Knows) -> list[LostSecret]:
    query = select(Webhook).where(_is_unknown(session, knows, Webhook))
    return [
        LostSecret("webhook", hook.id, hook.project_id, "", ("secret", "headers"))
        for hook in session.exec(query.order_by(col(Webhook.id)))
    ]


def _is_unknown(
    session: Session, knows: Knows, table: type[StorageSecret | Webhook]
) -> Any:  # a condition of a query
    used = set(session.exec(select(table.key_id).distinct()))
    unknown = [key for key in used if not knows(key)]
    return col(table.key_id).in_(unknown)

"""Send what waits: claim one message, build it, post it, note what came of it.

At least once: a message whose sender was lost is sent again, with the same id. Each is
tried again with growing pauses. A webhook that has just failed is left alone for a
while, whatever waits for it, so that a receiver that is down costs next to nothing.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from sqlalchemy import Connection
from sqlmodel import col, delete, or_, select, update

from labeldock.contract.errors import LabeldockError
from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.secrets import EncryptedValue
from labeldock.db.types import database_now
from labeldock.services.context import AppContext, build_egress_policy
from labeldock.services.webhooks.payloads import build_body
from labeldock.services.webhooks.signing import sign
from labeldock.services.webhooks.transport import Reply, post

MAX_ATTEMPTS: Final = 10
FIRST_PAUSE: Final = 5.0  # seconds
LONGEST_PAUSE: Final = 6 * 3600.0
LONGEST_REST: Final = 300.0
MARGIN: Final = 30.0
_GONE: Final = 410
_DELIVERY: Final = WebhookDelivery.__table__  # type: ignore[attr-defined]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is being sent, and the lease on it."""

    id: int
    webhook_id: int
    token: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message ready to be posted."""

    url: str
    body: bytes
    headers: dict[str, str]


def list_due_webhooks(app: AppContext, limit: int = 100) -> list[int]:
    """Webhooks that have something to be told now."""
    query = (
        select(col(WebhookDelivery.webhook_id))
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook_id))
        .where(*_due())
        .distinct()
        .limit(limit)
    )
    with app.database.read() as session:
        return list(session.exec(query))


def deliver_next(app: AppContext, webhook_id: int) -> bool:
    """Send the message of a webhook that has waited longest; whether there was one.

    Failures are noted on its row and on the webhook; none is raised.
    """
    letter = _claim(app, webhook_id)
    if letter is None:
        return False
    try:
        envelope = _pack(app, letter)
    except LabeldockError as error:  # its secret cannot be read
        _settle(app, letter, Reply(None, error.message))
        return True
    if envelope is not None:
        policy = build_egress_policy(app.settings)
        seconds = app.settings.webhook_timeout
        reply = post(
            policy, envelope.url, envelope.body, envelope.headers, seconds=seconds
        )
        _settle(app, letter, reply)
    return True


def _due() -> tuple[Any, ...]:
    now = database_now()
    return (
        col(WebhookDelivery.state) == "waiting",
        col(WebhookDelivery.attempts) < MAX_ATTEMPTS,
        col(WebhookDelivery.due_at) <= now,
        or_(
            col(WebhookDelivery.lease_expires_at).is_(None),
            col(WebhookDelivery.lease_expires_at) < now,
        ),
        col(Webhook.is_active),
        or_(col(Webhook.paused_until).is_(None), col(Webhook.paused_until) <= now),
    )


def _claim(app: AppContext, webhook_id: int) -> Letter | None:
    due = (
        select(col(WebhookDelivery.id))
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook_id))
        .where(col(WebhookDelivery.webhook_id) == webhook_id, *_due())
        .order_by(col(WebhookDelivery.due_at), col(WebhookDelivery.id))
        .limit(1)
        .with_for_update(of=_DELIVERY, skip_locked=True)
    )
    claim = (
        update(WebhookDelivery)
        .where(col(WebhookDelivery.id) == due.scalar_subquery())
        .values(
            lease_token=col(WebhookDelivery.lease_token) + 1,
            # Counted now: a message that its sender never survives is given up, too.
            attempts=col(WebhookDelivery.attempts) + 1,
            lease_expires_at=database_now(app.settings.webhook_timeout + MARGIN),
        )
        .returning(_DELIVERY)
    )
    with app.database.write_connection() as connection:
        row = connection.execute(claim).first()
    if row is None:
        return None
    return Letter(row.id, row.webhook_id, row.lease_token, row.attempts)


def _pack(app: AppContext, letter: Letter) -> Envelope | None:
    """The message as it is posted; None if the webhook was removed meanwhile."""
    with app.database.read() as session:
        webhook = session.get(Webhook, letter.webhook_id)
        delivery = session.get(WebhookDelivery, letter.id)
        if webhook is None or delivery is None:
            return None
        body = build_body(session, webhook, delivery)
        secret, extra = open_secrets(app, webhook)
        now = int(time.time())
        headers = {
            **extra,
            "Content-Type": "application/json",
            "User-Agent": "Labeldock",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secret, delivery.message_id, now, body),
        }
        return Envelope(webhook.url, body, headers)


def open_secrets(app: AppContext, webhook: Webhook) -> tuple[str, dict[str, str]]:
    """The secret of a webhook and its extra headers.

    Raises:
        ConfigurationError: they cannot be read with the present master keys.
    """
    sealed = EncryptedValue(webhook.key_id, webhook.ciphertext)
    opened = orjson.loads(app.vault.unseal(sealed, owner=name_owner(webhook.id)))
    return opened["secret"], opened["headers"]


def name_owner(webhook_id: int) -> str:
    """What the secrets of a webhook are bound to."""
    return f"webhook:{webhook_id}"


def _settle(app: AppContext, letter: Letter, reply: Reply) -> None:
    attempts = letter.attempts
    values: dict[str, Any] = {
        "status_code": reply.status,
        "reason": reply.reason or None,
        "lease_expires_at": None,
    }
    is_final = attempts >= MAX_ATTEMPTS or reply.status == _GONE
    if reply.is_success or is_final:
        values["state"] = "delivered" if reply.is_success else "failed"
        values["finished_at"] = database_now()
    else:
        values["due_at"] = database_now(compute_pause(attempts, reply.retry_after))
    with app.database.write_connection() as connection:
        noted = connection.execute(
            update(WebhookDelivery)
            .where(
                col(WebhookDelivery.id) == letter.id,
                col(WebhookDelivery.lease_token) == letter.token,
            )
            .values(**values)
        )
        if noted.rowcount == 1:
            _note_health(connection, letter.webhook_id, reply)
    if not reply.is_success:
        _log.warning(
            "webhook_failed",
            webhook_id=letter.webhook_id,
            delivery_id=letter.id,
            status=reply.status,
            reason=reply.reason,
            will_retry=not is_final,
        )


def compute_pause(attempts: int, wished: float | None = None) -> float:
    """Seconds until a message is sent again, after so many attempts; with jitter."""
    pause = min(FIRST_PAUSE * 4.0 ** min(attempts - 1, 20), LONGEST_PAUSE)
    jitter = random.uniform(0.9, 1.1)  # noqa: S311  not for secrecy
    return max(pause * jitter, min(wished or 0.0, LONGEST_PAUSE))


def _note_health(connection: Connection, webhook_id: int, reply: Reply) -> None:
    """Let a webhook rest after failures in a row: 1, 2, 4 ... seconds, then 5 min."""
    query = select(col(Webhook.failures)).where(col(Webhook.id) == webhook_id)
    failures = (
        connection.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
        or 0
    )
    if reply.is_success:
        if failures == 0:
            return
        values: dict[str, Any] = {"failures": 0, "paused_until": None}
    else:
        pause = min(2.0 ** min(failures, 20), LONGEST_REST)
        values = {"failures": failures + 1, "paused_until": database_now(pause)}
    connection.execute(
        update(Webhook).where(col(Webhook.id) == webhook_id).values(**values)
    )


def give_up_lost_messages(app: AppContext) -> int:
    """Close the messages whose last sender was lost; how many there were."""
    with app.database.write_connection() as connection:
        closed = connection.execute(
            update(WebhookDelivery)
            .where(
                col(WebhookDelivery.state) == "waiting",
                col(WebhookDelivery.attempts) >= MAX_ATTEMPTS,
                col(WebhookDelivery.lease_expires_at) < database_now(),
            )
            .values(
                state="failed",
                reason="Whoever sent it was lost, again and again.",
                finished_at=database_now(),
            )
        )
    return closed.rowcount


def forget_old_messages(app: AppContext) -> int:
    """Remove messages that are older than they are kept; how many there were."""
    kept = app.settings.webhook_keep_days * 24 * 3600
    with app.database.write_connection() as connection:
        removed = connection.execute(
            delete(WebhookDelivery).where(
                col(WebhookDelivery.created_at) < database_now(-kept)
            )
        )
    return removed.rowcount

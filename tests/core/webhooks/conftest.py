"""Webhooks of a project, and a real server that receives them."""

from __future__ import annotations

import pytest
from sqlmodel import col, update

from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.types import database_now
from labeldock.services.webhooks import delivery, registry
from tests.servers.receiver import run_receiver


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture
def hook(place, receiver):
    """Add a webhook of the place's project."""

    def add(**values):
        values = {"url": receiver.url, **values}
        return registry.add_webhook(place.app, place.owner, place.project, values)

    return add


def send_all(app):
    """Send what is due, in this thread; how many messages there were."""
    sent = 0
    while due := delivery.list_due_webhooks(app):
        sent += sum(delivery.deliver_next(app, webhook_id) for webhook_id in due)
    return sent


def hurry(app):
    """As if every pause had passed."""
    with app.database.write() as session:
        session.execute(update(Webhook).values(paused_until=None))
        waiting = col(WebhookDelivery.state) == "waiting"
        session.execute(
            update(WebhookDelivery)
            .where(waiting)
            .values(due_at=database_now(), lease_expires_at=None)
        )

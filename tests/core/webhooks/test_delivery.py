"""Messages on their way: signed, tried again, given up, and never lost or doubled."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, update

from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.types import database_now
from labeldock.services import tasks
from labeldock.services.webhooks import delivery, registry
from tests.core.webhooks.conftest import hurry, send_all


@pytest.fixture
def tell(place):
    """Have something to tell."""

    def tell(times=1):
        for number in range(times):
            tasks.create_task(place.app, place.owner, place.project, {"n": number})

    return tell


def outcomes(place, webhook):
    found = registry.list_deliveries(place.app, place.owner, webhook.id)
    return [(d.state, d.attempts, d.status_code) for d in reversed(found)]


def test_a_message_is_signed_as_the_documentation_says(place, hook, receiver, tell):
    _, secret = hook(headers={"Authorization": "Bearer abc"})
    tell()

    assert send_all(place.app) == 1

    [request] = receiver.received
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = ".".join(
        [request.headers["webhook-id"], request.headers["webhook-timestamp"], ""]
    )
    expected = hmac.digest(key, signed.encode() + request.body, hashlib.sha256)
    assert request.headers["webhook-signature"] == (
        "v1," + base64.b64encode(expected).decode()
    )
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer abc"
    assert request.path == "/hook"


def test_a_message_is_tried_again_with_the_same_id(place, hook, receiver, tell):
    webhook, _ = hook()
    receiver.answers = [500, (429, {"Retry-After": "7"}), 204]
    tell()

    for _ in range(3):
        assert send_all(place.app) == 1
        hurry(place.app)
    assert send_all(place.app) == 0

    assert len({r.headers["webhook-id"] for r in receiver.received}) == 1
    assert outcomes(place, webhook) == [("delivered", 3, 204)]
    view = registry.get_webhook(place.app, place.owner, webhook.id)
    assert (view.failures, view.paused_until) == (0, None)


def test_a_failure_lets_the_whole_webhook_rest(place, hook, receiver, tell):
    webhook, _ = hook()
    receiver.answers = [503] * 9
    tell(3)

    assert send_all(place.app) == 1

    assert len(receiver.received) == 1
    view = registry.get_webhook(place.app, place.owner, webhook.id)
    assert view.failures == 1
    assert view.paused_until is not None


def test_one_message_that_is_refused_does_not_stop_the_others(
    place, hook, receiver, tell
):
    webhook, _ = hook()
    receiver.answers = [400]
    tell(2)

    send_all(place.app)
    with place.app.database.write() as session:
        session.execute(update(Webhook).values(paused_until=None))
    send_all(place.app)

    assert outcomes(place, webhook) == [("waiting", 1, 400), ("delivered", 1, 200)]


@pytest.mark.parametrize(
    ("status", "said"),
    [(302, "redirects are not followed"), (404, "answered 404"), (500, "answered 500")],
)
def test_what_is_not_taken_is_noted_with_its_reason(
    place, hook, receiver, tell, status, said
):
    webhook, _ = hook()
    receiver.answers = [(status, {"Location": receiver.url + "/elsewhere"})]
    tell()

    send_all(place.app)

    [told] = registry.list_deliveries(place.app, place.owner, webhook.id)
    assert said in told.reason
    assert len(receiver.received) == 1


def test_a_receiver_that_says_it_is_gone_is_not_asked_again(
    place, hook, receiver, tell
):
    webhook, _ = hook()
    receiver.answers = [410]
    tell()

    send_all(place.app)
    hurry(place.app)

    assert send_all(place.app) == 0
    assert outcomes(place, webhook) == [("failed", 1, 410)]


def test_a_message_is_given_up_after_its_last_attempt(place, hook, receiver, tell):
    webhook, _ = hook()
    receiver.answers = [500] * 99
    tell()

    attempts = 0
    while send_all(place.app):
        attempts += 1
        hurry(place.app)

    assert attempts == delivery.MAX_ATTEMPTS
    assert outcomes(place, webhook) == [("failed", delivery.MAX_ATTEMPTS, 500)]


def test_pauses_grow_to_hours_and_heed_what_the_receiver_asks():
    pauses = [delivery.compute_pause(attempt) for attempt in range(1, 10)]

    assert pauses[0] == pytest.approx(5, rel=0.11)
    assert pauses[:6] == sorted(pauses[:6])
    assert sum(pauses) > 8 * 3600
    assert max(pauses) <= 1.1 * delivery.LONGEST_PAUSE
    assert delivery.compute_pause(1, 100.0) == 100.0
    assert delivery.compute_pause(999, 10.0**9) <= 1.1 * delivery.LONGEST_PAUSE


def test_many_senders_send_each_message_once(place, hook, receiver, tell):
    webhook, _ = hook()
    tell(12)

    def send(_):
        while delivery.deliver_next(place.app, webhook.id):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(ids) == len(set(ids)) == 12


def test_a_message_whose_sender_was_lost_is_sent_by_another(
    place, hook, receiver, tell
):
    webhook, _ = hook()
    tell()
    lost = delivery._claim(place.app, webhook.id)
    assert send_all(place.app) == 0

    hurry(place.app)
    assert send_all(place.app) == 1

    delivery._settle(place.app, lost, delivery.Reply(500, "too late"))
    assert outcomes(place, webhook) == [("delivered", 2, 200)]
    assert len(receiver.received) == 1


def test_a_message_that_no_sender_survives_is_given_up(place, hook, tell):
    webhook, _ = hook()
    tell()
    for _ in range(delivery.MAX_ATTEMPTS):
        assert delivery._claim(place.app, webhook.id) is not None
        hurry(place.app)
    with place.app.database.write() as session:
        past = database_now(-1)
        session.execute(update(WebhookDelivery).values(lease_expires_at=past))

    assert delivery._claim(place.app, webhook.id) is None
    assert delivery.give_up_lost_messages(place.app) == 1
    assert outcomes(place, webhook) == [("failed", delivery.MAX_ATTEMPTS, None)]


def test_a_webhook_that_is_switched_off_waits(place, hook, receiver, tell):
    webhook, _ = hook()
    tell()
    registry.update_webhook(place.app, place.owner, webhook.id, {"is_active": False})
    assert send_all(place.app) == 0

    registry.update_webhook(place.app, place.owner, webhook.id, {"is_active": True})

    assert send_all(place.app) == 1


def test_a_secret_that_cannot_be_read_is_told(
    place, hook, open_app, request, tell, receiver
):
    webhook, _ = hook()
    tell()
    with place.app.database.write() as session:
        session.execute(update(Webhook).values(key_id="of another key"))

    send_all(place.app)

    [told] = registry.list_deliveries(place.app, place.owner, webhook.id)
    assert "master keys" in told.reason
    assert receiver.received == []


def test_old_messages_are_forgotten(place, hook, tell):
    webhook, _ = hook()
    tell(2)
    with place.app.database.write() as session:
        first = registry.list_deliveries(place.app, place.owner, webhook.id)[-1]
        session.execute(
            update(WebhookDelivery)
            .where(col(WebhookDelivery.id) == first.id)
            .values(created_at=first.created_at.replace(year=2001))
        )

    assert delivery.forget_old_messages(place.app) == 1
    assert len(outcomes(place, webhook)) == 1


def test_a_removed_webhook_takes_its_messages_with_it(place, hook, receiver, tell):
    webhook, _ = hook()
    tell()

    registry.remove_webhook(place.app, place.owner, webhook.id)

    assert send_all(place.app) == 0
    assert receiver.received == []

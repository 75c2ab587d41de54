"""Stored secrets are encrypted again with the newest key."""

from __future__ import annotations

import pytest
from sqlmodel import col, select, update

from labeldock.db.messages import Webhook
from labeldock.db.tables import StorageSecret
from labeldock.services.connections import load_connection
from labeldock.services.rotation import Rotated, rotate_secrets
from labeldock.services.webhooks import delivery, registry
from tests.core.concurrency import run_at_once

OLD, NEW = "the earlier key of this test", "the newest key of this test"
HERE = "http://127.0.0.1:1/hook"


@pytest.fixture
def filled(open_app, installation, build_workplace, bucket):
    """A place with five secrets of storages and two of webhooks, under the old key."""
    bucket.put("a.json", '{"n": 1}')
    place = build_workplace(open_app(installation, secret_key=OLD))
    place.storages = [place.add(password=f"password {n}") for n in range(5)]
    place.hooks = [
        registry.add_webhook(place.app, place.owner, place.project, {"url": HERE})
        for _ in range(2)
    ]
    return place


@pytest.fixture
def reopen(open_app, installation):
    return lambda keys: open_app(installation, secret_key=keys)


def check_readable(app, place):
    for number, storage in enumerate(place.storages):
        password = load_connection(app, storage.id).ref.options.password
        assert password.get_secret_value() == f"password {number}"
    with app.database.read() as session:
        for view, secret in place.hooks:
            webhook = session.get_one(Webhook, view.id)
            assert delivery.open_secrets(app, webhook)[0] == secret


@pytest.mark.parametrize("batch", [1, 2, 5, 200])
def test_everything_is_readable_with_the_newest_key_alone(filled, reopen, batch):
    both = reopen(f"{NEW},{OLD}")

    assert rotate_secrets(both, batch=batch) == Rotated(5, 2, 0)

    check_readable(reopen(NEW), filled)
    assert rotate_secrets(both, batch=batch) == Rotated(0, 0, 0)


def test_what_cannot_be_read_is_counted_and_left_for_the_next_time(filled, reopen):
    first, third = filled.storages[0].id, filled.storages[2].id
    with filled.app.database.write() as session:
        is_theirs = col(StorageSecret.storage_id).in_([first, third])
        known = session.exec(select(StorageSecret.key_id).where(is_theirs)).first()
        session.execute(update(StorageSecret).where(is_theirs).values(key_id="lost"))
    both = reopen(f"{NEW},{OLD}")

    assert rotate_secrets(both, batch=2) == Rotated(3, 2, 2)

    with both.database.write() as session:  # as if the key had come back
        session.execute(update(StorageSecret).where(is_theirs).values(key_id=known))
    assert rotate_secrets(both, batch=2) == Rotated(2, 0, 0)
    check_readable(reopen(NEW), filled)


def test_two_rotations_at_once_do_each_secret_once(filled, reopen):
    apps = [reopen(f"{NEW},{OLD}") for _ in range(2)]

    outcomes = run_at_once(*[lambda a=app: rotate_secrets(a, batch=2) for app in apps])

    assert sum(each.storage_secrets for each in outcomes) == 5
    assert sum(each.webhook_secrets for each in outcomes) == 2
    check_readable(reopen(NEW), filled)

"""Webhooks as people keep them: who may, what is refused, what stays secret."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract.errors import InvalidInput, NotAllowed, NotFound
from labeldock.db.messages import Webhook
from labeldock.host.egress import EgressRefused
from labeldock.services.webhooks import registry
from tests.core.webhooks.conftest import send_all

URL = "http://127.0.0.1:1/hook"


def add(place, **values):
    values = {"url": URL, **values}
    return registry.add_webhook(place.app, place.owner, place.project, values)


def test_a_webhook_is_added_shown_and_removed(sqlite_place):
    webhook, secret = add(sqlite_place, actions=["RUN_FAILED"])

    assert secret.startswith("whsec_")
    assert (webhook.actions, webhook.send_for_all_actions) == (("RUN_FAILED",), False)
    assert registry.list_webhooks(
        sqlite_place.app, sqlite_place.owner, sqlite_place.project
    ) == [webhook]
    assert registry.list_webhooks(sqlite_place.app, sqlite_place.owner) == [webhook]

    registry.remove_webhook(sqlite_place.app, sqlite_place.owner, webhook.id)
    assert (
        registry.list_webhooks(
            sqlite_place.app, sqlite_place.owner, sqlite_place.project
        )
        == []
    )


def test_the_secret_and_the_headers_are_not_in_the_database_or_the_view(sqlite_place):
    webhook, secret = add(sqlite_place, headers={"X-Key": "very-secret-value"})

    with sqlite_place.app.database.read() as session:
        row = session.exec(select(Webhook)).one()
        stored = repr(row.model_dump()).encode() + row.ciphertext
    assert b"very-secret-value" not in stored
    assert secret.removeprefix("whsec_").encode() not in stored
    assert webhook.headers == {"X-Key": registry.MASK}


def test_a_masked_header_keeps_its_value(sqlite_place):
    webhook, _ = add(sqlite_place, headers={"X-Key": "first", "X-Other": "second"})
    changes = {"headers": {"X-Key": registry.MASK, "X-New": "third"}}

    changed = registry.update_webhook(
        sqlite_place.app, sqlite_place.owner, webhook.id, changes
    )

    assert sorted(changed.headers) == ["X-Key", "X-New"]
    with sqlite_place.app.database.read() as session:
        _, headers = registry.open_secrets(
            sqlite_place.app, session.get(Webhook, webhook.id)
        )
    assert headers == {"X-Key": "first", "X-New": "third"}


def test_a_new_secret_takes_the_place_of_the_old(sqlite_place):
    webhook, before = add(sqlite_place, headers={"X-Key": "kept"})

    after = registry.rotate_secret(sqlite_place.app, sqlite_place.owner, webhook.id)

    assert after != before
    view = registry.get_webhook(sqlite_place.app, sqlite_place.owner, webhook.id)
    assert view.headers == {"X-Key": registry.MASK}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://a"}, "url"),
        ({"url": "http://user:pw@host/"}, "url"),
        ({"url": "x" * 3000}, "url"),
        ({"actions": ["NO_SUCH"]}, "actions"),
        ({"send_for_all_actions": False}, "actions"),
        ({"headers": {"Bad Name": "x"}}, "headers"),
        ({"headers": {"X": "a\r\nEvil: 1"}}, "headers"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"Webhook-Signature": "x"}}, "headers"),
        ({"headers": {f"X-{n}": "" for n in range(21)}}, "headers"),
        ({"headers": "text"}, "headers"),
        ({"is_active": "perhaps"}, "is_active"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(sqlite_place, values, field):
    with pytest.raises(InvalidInput) as refusal:
        add(sqlite_place, **values)

    error = refusal.value
    assert field in {error.field, *(problem.field for problem in error.problems)}
    assert "pw@host" not in str(error)


def test_a_host_that_the_operator_does_not_permit_is_refused(
    open_app, sqlite_installation, build_workplace
):
    place = build_workplace(open_app(sqlite_installation, egress_private=False))

    with pytest.raises(EgressRefused, match="this machine itself"):
        add(place)
    with pytest.raises(EgressRefused, match="metadata"):
        add(place, url="http://169.254.169.254/latest/")


def test_strangers_and_viewers_have_no_part_in_webhooks(sqlite_place, people):
    webhook, _ = add(sqlite_place)

    for use_case in (
        registry.get_webhook,
        registry.remove_webhook,
        registry.rotate_secret,
        registry.send_test,
        registry.list_deliveries,
    ):
        with pytest.raises(NotAllowed):
            use_case(sqlite_place.app, people.stranger, webhook.id)
    with pytest.raises(NotAllowed):
        registry.add_webhook(
            sqlite_place.app, people.stranger, sqlite_place.project, {"url": URL}
        )
    assert registry.list_webhooks(sqlite_place.app, people.stranger) == []


def test_only_administrators_hear_of_all_projects(sqlite_place, people):
    with pytest.raises(NotAllowed, match="administrators"):
        registry.add_webhook(sqlite_place.app, people.owner, None, {"url": URL})
    webhook, _ = registry.add_webhook(
        sqlite_place.app, people.admin, None, {"url": URL}
    )

    assert webhook.project_id is None
    assert registry.list_webhooks(sqlite_place.app, people.owner) == []


def test_a_webhook_that_is_not_there_is_told(sqlite_place):
    with pytest.raises(NotFound):
        registry.get_webhook(sqlite_place.app, sqlite_place.owner, 999)


def test_a_test_message_is_sent_whatever_the_actions(place, hook, receiver):
    webhook, _ = hook(actions=["RUN_FAILED"])

    registry.send_test(place.app, place.owner, webhook.id)
    send_all(place.app)

    assert receiver.actions == ["WEBHOOK_TEST"]


def test_a_webhook_that_is_switched_off_is_not_tested(sqlite_place):
    webhook, _ = add(sqlite_place, is_active=False)

    with pytest.raises(InvalidInput, match="switched off"):
        registry.send_test(sqlite_place.app, sqlite_place.owner, webhook.id)

"""The master key is lost: what has to be entered again is named, all else is there."""

from __future__ import annotations

import json

import pytest
from sqlmodel import func, select

from labeldock.contract import ConfigurationError, NotAllowed, Purpose
from labeldock.db.messages import SCHEMA
from labeldock.db.tables import StorageSecret
from labeldock.jobs.chores import Chores
from labeldock.services import (
    access,
    annotations,
    audit_log,
    lost_secrets,
    storages,
    tasks,
)
from labeldock.services.connections import load_connection
from labeldock.services.lost_secrets import find_lost, name_lost
from labeldock.services.rotation import rotate_in_background, rotate_secrets
from labeldock.services.tasks import TaskQuery
from labeldock.services.tokens import TokenWish, create_key
from labeldock.services.webhooks import registry

FIRST, SECOND = "the key that will be lost", "the key that came after it"
HERE = "http://127.0.0.1:1/hook"


@pytest.fixture
def place(open_app, installation, build_workplace, bucket):
    """A place with work in it: secrets, tasks, an annotation, a webhook, a token."""
    bucket.put("a.json", '{"n": 1}')
    place = build_workplace(open_app(installation, secret_key=FIRST))
    place.guarded = place.add(password="of the bucket", title="Guarded")
    place.open = place.add()
    place.sync(place.open)
    place.hook, _ = registry.add_webhook(
        place.app, place.owner, place.project, {"url": HERE}
    )
    place.token = create_key(place.app, place.owner, TokenWish())[1]
    return place


@pytest.fixture
def after(open_app, installation):
    """The same installation with another key."""
    return lambda key=SECOND: open_app(installation, secret_key=key)


def count_rows(app):
    with app.database.read() as session:
        return {
            table.name: session.exec(select(func.count()).select_from(table)).one()
            for table in SCHEMA.sorted_tables
        }


def test_nothing_is_lost_but_the_secrets_which_are_named(place, after, people):
    before = count_rows(place.app)
    app = after()

    lost = lost_secrets.list_lost(app, people.admin)

    assert [(each.kind, each.id, each.fields) for each in lost] == [
        ("storage", place.guarded.id, ("password",)),
        ("webhook", place.hook.id, ("secret", "headers")),
    ]
    assert (lost[0].title, lost[0].project_id) == ("Guarded", place.project)
    assert name_lost(lost) == (
        f"storage {place.guarded.id} (password), "
        f"webhook {place.hook.id} (secret, headers)"
    )
    assert count_rows(app) == before
    with pytest.raises(NotAllowed):
        lost_secrets.list_lost(app, people.owner)


def test_the_service_says_so_in_its_log_and_with_the_storage(place, after, capsys):
    app = after()

    assert lost_secrets.warn_of_lost(app) == 2
    shown = {
        each.id: each.attention
        for each in storages.list_storages(
            app, place.owner, place.project, Purpose.IMPORT
        )
    }

    logged = capsys.readouterr().out
    assert logged.count("stored_secret_unreadable") == 2
    assert f"id={place.guarded.id}" in logged
    assert "password" in shown[place.guarded.id]
    assert "enter it again" in shown[place.guarded.id]
    assert shown[place.open.id] is None


def test_everything_else_works_without_the_key(place, after, bucket):
    app = after()
    bucket.put("b.json", '{"n": 2}')
    again = type(place)(app, place.owner)
    again.project = place.project

    run = again.sync(place.open)
    found = tasks.list_tasks(app, place.owner, TaskQuery(project_id=place.project))
    annotations.create_annotation(app, place.owner, found.tasks[0].id, {"result": []})

    assert run.state == "completed"
    assert found.total == 2
    assert access.authenticate(app, place.token) == place.owner
    assert access.log_in(app, place.owner.email, "owner-password") == place.owner
    with pytest.raises(ConfigurationError, match="password"):
        load_connection(app, place.guarded.id)


def test_a_secret_that_is_entered_again_works_and_is_not_named_any_more(place, after):
    app = after()
    entered = {"password": "of the bucket"}

    storages.update_storage(app, place.owner, place.guarded.id, Purpose.IMPORT, entered)
    registry.rotate_secret(app, place.owner, place.hook.id)

    options = load_connection(app, place.guarded.id).ref.options
    assert options.password.get_secret_value() == "of the bucket"
    assert find_lost(app.database, app.vault.knows) == []


def test_a_key_that_is_found_again_brings_everything_back(place, after):
    after()  # started without it, in between

    app = after(f"{SECOND},{FIRST}")

    assert find_lost(app.database, app.vault.knows) == []
    assert rotate_secrets(app).unreadable == 0
    assert find_lost(app.database, after().vault.knows) == []


# Encrypting again in the background


def count_by_key(app):
    with app.database.read() as session:
        query = select(StorageSecret.key_id, func.count())
        return dict(session.exec(query.group_by(StorageSecret.key_id)).all())


def test_a_worker_encrypts_again_batch_by_batch_and_others_go_on(place, after):
    for number in range(4):
        place.add(password=f"password {number}")
    app = after(f"{SECOND},{FIRST}")

    begun = rotate_in_background(app, batch=2)
    next(begun)  # one batch, and the worker is killed
    between = count_by_key(app)
    steps = sum(1 for _ in rotate_in_background(app, batch=2))

    assert sorted(between.values()) == [2, 3]
    assert count_by_key(app) == {app.vault.newest: 5}
    assert steps >= 2
    assert list(rotate_in_background(app, batch=2)) == []
    assert load_connection(after(), place.guarded.id).ref.options.password


def test_a_worker_does_it_beside_its_work(place, after):
    app = after(f"{SECOND},{FIRST}")
    chores = Chores(app, "a worker of this test")

    for _ in range(5):  # a poll each
        chores.do_due()
    chores.end()

    assert count_by_key(app) == {app.vault.newest: 1}


def test_what_no_key_opens_is_left_alone(place, after):
    app = after()

    assert list(rotate_in_background(app)) == []
    assert len(find_lost(app.database, app.vault.knows)) == 2


def test_the_rotation_is_written_down(place, after, people):
    app = after(f"{SECOND},{FIRST}")
    list(rotate_in_background(app))

    chosen = audit_log.AuditFilter(action="secret.rotate")
    (entry,) = audit_log.list_entries(app, people.admin, chosen)
    assert json.dumps(entry.details) == '{"of_storages": 1, "of_webhooks": 1}'

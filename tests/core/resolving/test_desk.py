"""Decisions: who may, which object, which way; and from memory the second time."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete, event, update

from labeldock.contract import (
    Conflict,
    NotAllowed,
    NotFound,
    NotSupported,
    Signing,
    Unauthenticated,
)
from labeldock.db.tables import Membership, Storage
from labeldock.services import access, projects, storages, tasks
from labeldock.services.resolving.media import MediaAsk, MediaDesk, Redirect, Stream
from labeldock.services.resolving.signing import MEDIA_PATH, open_grant

URI = "memory://media/p/a.jpg"


@pytest.fixture
def storage(sqlite_place, bucket):
    bucket.put("p/a.jpg")
    return sqlite_place.add(prefix="p", use_blob_urls=True)


@pytest.fixture
def task(storage, add_task):
    return add_task({"image": URI, "text": "see memory://media/p/b.jpg."})


@pytest.fixture
def desk(sqlite_app, watch):
    return MediaDesk(sqlite_app, now=watch)


@pytest.fixture
def ask(owner, task):
    return MediaAsk(owner, "task", task.id, URI)


@pytest.fixture
def project_ask(owner, task, sqlite_place):
    return MediaAsk(owner, "project", sqlite_place.project, URI)


# Who


def test_a_member_is_served_and_a_stranger_is_not(desk, ask, project_ask, people):
    for each in (ask, project_ask):
        assert desk.prepare(each).key == "p/a.jpg"
        assert desk.prepare(replace(each, principal=people.admin)).key == "p/a.jpg"
        with pytest.raises(NotAllowed, match="do not have permission"):
            desk.prepare(replace(each, principal=people.stranger))


def test_permission_is_asked_before_anything_is_said_about_the_object(
    desk, ask, project_ask, people
):
    for each in (ask, project_ask):
        hidden = replace(each, principal=people.stranger, uri="memory://media/other")
        with pytest.raises(NotAllowed, match="do not have permission"):
            desk.prepare(hidden)


@pytest.mark.parametrize("part_of", ["task", "project"])
def test_what_does_not_exist_is_not_found(desk, ask, part_of):
    with pytest.raises(NotFound, match="does not exist"):
        desk.prepare(replace(ask, part_of=part_of, id=999_999))


def test_a_revoked_membership_is_seen_when_memory_fades(sqlite_app, ask, project_ask):
    desk = MediaDesk(sqlite_app, seconds=0)
    desk.prepare(ask)
    with sqlite_app.database.write() as session:
        session.execute(delete(Membership))

    for each in (ask, project_ask):
        assert desk.recall(each) is None
        with pytest.raises(NotAllowed, match="do not have permission"):
            desk.prepare(each)


def test_decisions_are_the_same_on_either_database(app, place, bucket, people):
    bucket.put("p/a.jpg")
    storage = place.add(prefix="p", use_blob_urls=True, presign=False)
    place.sync(storage)
    query = tasks.TaskQuery(place.project)
    (task,) = tasks.list_tasks(app, place.owner, query).tasks
    desk = MediaDesk(app)

    stream = desk.prepare(MediaAsk(place.owner, "task", task.id, URI))

    assert (stream.storage_id, stream.key) == (storage.id, "p/a.jpg")
    with pytest.raises(NotAllowed, match="do not have permission"):
        desk.prepare(MediaAsk(people.stranger, "task", task.id, URI))


# Which object


def test_a_task_gives_what_its_data_refers_to_and_no_more(desk, ask):
    assert desk.prepare(replace(ask, uri="memory://media/p/b.jpg")).key == "p/b.jpg"
    assert desk.prepare(replace(ask, uri="MEMORY://media/p/a.jpg")).key == "p/a.jpg"
    with pytest.raises(NotFound, match="does not refer to this object"):
        desk.prepare(replace(ask, uri="memory://media/p/c.jpg"))


def test_a_project_gives_any_key_within_a_prefix(desk, project_ask):
    assert desk.prepare(replace(project_ask, uri=f"{URI}x")).key == "p/a.jpgx"
    with pytest.raises(NotFound, match="No storage of the project answers"):
        desk.prepare(replace(project_ask, uri="memory://media/q/a.jpg"))


def test_a_storage_of_another_project_does_not_answer(
    desk, owner, bucket, storage, build_workplace, add_task, sqlite_app
):
    elsewhere = build_workplace(sqlite_app)
    task = add_task({"image": URI}, place=elsewhere)

    with pytest.raises(NotFound, match="No storage of the project answers"):
        desk.prepare(MediaAsk(owner, "task", task.id, URI))


def test_a_task_gives_the_object_that_it_was_made_from(
    desk, owner, sqlite_place, bucket
):
    bucket.put("p/tasks.json", '{"image": "memory://media/p/x.jpg"}')
    storage = sqlite_place.add(prefix="p")
    sqlite_place.sync(storage)
    query = tasks.TaskQuery(sqlite_place.project)
    (task,) = tasks.list_tasks(sqlite_place.app, owner, query).tasks

    for name in ("tasks.json", "x.jpg"):
        ask = MediaAsk(owner, "task", task.id, f"memory://media/p/{name}")
        assert desk.prepare(ask).key == f"p/{name}"


def test_a_reference_that_was_added_is_seen_when_memory_fades(sqlite_app, ask, task):
    desk = MediaDesk(sqlite_app, seconds=0)
    added = replace(ask, uri="memory://media/p/new.jpg")
    with pytest.raises(NotFound, match="does not refer"):
        desk.prepare(added)
    tasks.update_task(sqlite_app, ask.principal, task.id, {"data": {"a": added.uri}})

    assert desk.prepare(added).key == "p/new.jpg"


# Which way


def test_a_provider_that_signs_is_asked_for_what_a_browser_needs(desk, ask, provider):
    decision = desk.prepare(ask)

    (request,) = provider.requests
    assert isinstance(decision, Redirect)
    assert decision.signed.url == "https://cloud.example/media?n=1"
    assert (decision.user_id, decision.task_id) == (ask.principal.user_id, ask.id)
    assert (request.key, request.content_type) == ("p/a.jpg", "image/jpeg")
    assert request.disposition == 'inline; filename="a.jpg"'
    assert request.ttl.total_seconds() == 15 * 60


def test_a_signed_url_is_used_again_for_half_of_its_life(desk, ask, provider, watch):
    first = desk.prepare(ask)

    assert desk.prepare(ask).signed is first.signed
    assert desk.recall(ask).signed is first.signed
    assert len(provider.requests) == 1


def test_a_changed_storage_has_new_urls(sqlite_app, ask, provider, storage):
    desk = MediaDesk(sqlite_app, seconds=0)
    desk.prepare(ask)
    storages.update_storage(
        sqlite_app, ask.principal, storage.id, storage.purpose, {"presign_ttl": 5}
    )

    desk.prepare(ask)

    assert [request.ttl.total_seconds() for request in provider.requests] == [900, 300]


def test_without_presign_media_are_streamed(desk, ask, provider, sqlite_app, storage):
    changes = {"presign": False}
    storages.update_storage(
        sqlite_app, ask.principal, storage.id, storage.purpose, changes
    )

    decision = desk.prepare(ask)

    assert isinstance(decision, Stream)
    assert decision.viewer == f"{ask.principal.user_id}:owner"
    assert decision.connection.ref.id == storage.id
    assert provider.requests == []


def test_a_key_that_clients_would_fold_is_streamed(desk, project_ask, provider):
    ask = replace(project_ask, uri="memory://media/p/x/../a.jpg")

    assert isinstance(desk.prepare(ask), Stream)
    assert provider.requests == []


def test_a_provider_that_cannot_sign_after_all_is_streamed_from(desk, ask, provider):
    provider.error = NotSupported("no key to sign with")

    assert isinstance(desk.prepare(ask), Stream)


def test_a_failure_to_sign_is_told(desk, ask, provider):
    provider.error = Unauthenticated("no credentials")

    with pytest.raises(Unauthenticated, match="no credentials"):
        desk.prepare(ask)


@pytest.fixture
def host_signing(provider):
    provider.signing = Signing.HOST


def test_the_host_signs_for_a_provider_that_leaves_it_to_it(
    host_signing, desk, ask, sqlite_app, watch, storage
):
    decision = desk.prepare(ask)

    path, _, token = decision.signed.url.rpartition("/")
    grant = open_grant(sqlite_app.vault, token, watch.time)
    assert f"{path}/" == MEDIA_PATH
    assert (grant.storage_id, grant.key) == (storage.id, "p/a.jpg")
    assert 900 <= grant.expires_at - watch.time.timestamp() < 901

    stream = desk.prepare(grant)
    assert (stream.key, stream.ends_at) == ("p/a.jpg", grant.expires_at)
    assert (stream.user_id, stream.viewer) == (None, "link")


def test_a_link_to_a_removed_storage_leads_nowhere(
    host_signing, desk, ask, sqlite_app, watch, storage
):
    token = desk.prepare(ask).signed.url.rpartition("/")[2]
    storages.remove_storage(sqlite_app, ask.principal, storage.id, storage.purpose)

    with pytest.raises(NotFound, match="does not exist"):
        desk.prepare(open_grant(sqlite_app.vault, token, watch.time))


@pytest.mark.parametrize("presign", [True, False])
def test_a_storage_without_its_provider_is_not_connected(
    open_app, sqlite_installation, catalog_without_providers, ask, sqlite_app, presign
):
    with sqlite_app.database.write() as session:
        session.execute(update(Storage).values(presign=presign))
    app = open_app(sqlite_installation, catalog=catalog_without_providers)

    with pytest.raises(Conflict, match="is not connected"):
        MediaDesk(app).prepare(ask)


def test_a_storage_whose_settings_do_not_fit_is_not_connected(desk, ask, sqlite_app):
    with sqlite_app.database.write() as session:
        session.execute(update(Storage).values(settings={"bucket": "NOT ONE"}))

    with pytest.raises(Conflict, match="is not connected"):
        desk.prepare(ask)


# From memory


def test_nothing_is_recalled_before_it_was_prepared(desk, ask):
    assert desk.recall(ask) is None


@pytest.mark.parametrize("presign", [True, False])
def test_a_decision_is_recalled_without_the_database(
    desk, ask, project_ask, sqlite_app, storage, presign
):
    changes = {"presign": presign}
    storages.update_storage(
        sqlite_app, ask.principal, storage.id, storage.purpose, changes
    )
    prepared = [desk.prepare(each) for each in (ask, project_ask)]

    with sqlite_app.database.write():  # a second transaction here would have to wait
        statements = count_statements(sqlite_app)
        recalled = [desk.recall(each) for each in (ask, project_ask)]

    assert recalled == prepared
    assert statements == []


def count_statements(app):
    seen = []
    event.listen(
        app.database.engine,
        "before_cursor_execute",
        lambda *arguments: seen.append(arguments[2]),
    )
    return seen


def test_one_miss_is_loaded_once_however_many_ask(sqlite_app, ask, provider):
    desk = MediaDesk(sqlite_app)
    threads = [threading.Thread(target=desk.prepare, args=(ask,)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(provider.requests) == 1


def test_members_of_each_role_may_look(desk, ask, sqlite_app, people, sqlite_place):
    for role in access.Role:
        address = f"the-{role}@example.org"
        user = access.create_user(sqlite_app, address, "password")
        with sqlite_app.database.write() as session:
            session.add(
                Membership(
                    project_id=sqlite_place.project, user_id=user.user_id, role=role
                )
            )
        decision = desk.prepare(replace(ask, principal=user))
        assert decision.user_id == user.user_id


def test_media_of_a_removed_project_are_gone(sqlite_app, project_ask):
    desk = MediaDesk(sqlite_app, seconds=0)
    desk.prepare(project_ask)
    projects.delete_project(sqlite_app, project_ask.principal, project_ask.id)

    with pytest.raises(NotFound, match="does not exist"):
        desk.prepare(project_ask)

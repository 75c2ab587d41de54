"""The audit log: what is written into it, and who reads it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta

import pytest
from sqlmodel import select, update
from starlette.testclient import TestClient

from labeldock.contract import InvalidInput, Purpose
from labeldock.contract.observers import MediaServed
from labeldock.db.audit import AuditEvent
from labeldock.db.columns import utc_now
from labeldock.db.tables import Project
from labeldock.services import audit_log, auditing, projects, storages, tasks
from labeldock.services.audit_log import AuditFilter
from labeldock.services.auditing import Action, Deed, Origin
from labeldock.services.media_journal import MediaJournal
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.services.storage_fields import StorageDraft
from labeldock.web.app import create_app
from tests.system.conftest import build_app

AUDIT = "/api/audit"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def read_log(app, admin):
    """Entries, oldest first, as (action, what, outcome) or whole."""

    def read(**chosen):
        found = audit_log.list_entries(app, admin.principal, AuditFilter(**chosen))
        return found[::-1]

    return read


def name(entries):
    return [(each.action, each.target_kind, each.outcome) for each in entries]


def test_who_came_in_and_who_did_not_is_written_down(client, owner, read_log):
    def log_in(email, password):
        body = {"email": email, "password": password}
        return client.post("/user/login/", data=body, headers=OWN_PAGE)

    log_in(owner.email, "wrong-password")
    log_in("hunter2 by mistake", "wrong-password")
    log_in(owner.email, owner.password)

    failed, odd, good = read_log(action="user.")
    assert name([failed, odd, good]) == [
        ("user.login", "user", "failure"),
        ("user.login", "user", "failure"),
        ("user.login", "user", "success"),
    ]
    assert failed.details == {"method": "password", "email": owner.email}
    assert odd.details["email"] == "(not an address)"
    assert (good.user_id, good.user_email) == (owner.principal.user_id, owner.email)
    assert (good.channel, good.address) == ("web", "testclient")


def test_what_is_done_with_a_token_names_the_token_and_the_request(
    client, auth, owner, read_log
):
    headers = {**auth, "X-Correlation-Id": "find-me-again"}
    made = client.post("/api/projects", json={"title": "Birds"}, headers=headers).json()

    (entry,) = read_log(action="project.create")

    assert entry.project_id == made["id"]
    assert entry.organization_id == 1
    assert entry.correlation_id == "find-me-again"
    assert entry.token_id is not None
    assert entry.user_email == owner.email
    assert entry.details == {"title": "Birds"}


def test_tokens_exports_webhooks_and_deletions_are_written_down(
    client, auth, app, project, read_log
):
    token = client.post("/api/current-user/tokens", json={}, headers=auth).json()
    client.delete(f"/api/current-user/tokens/{token['id']}", headers=auth)
    client.get(f"/api/projects/{project.id}/export", headers=auth)
    hook = {"url": "http://127.0.0.1:1/secret-path", "project": project.id}
    made = client.post("/api/webhooks", json=hook, headers=auth).json()
    client.delete(f"/api/webhooks/{made['id']}", headers=auth)
    client.delete(f"/api/projects/{project.id}", headers=auth)

    entries = read_log()

    assert [entry.action for entry in entries] == [
        "project.create", "token.create", "token.revoke", "project.export",
        "webhook.create", "webhook.delete", "project.delete",
    ]  # fmt: skip
    assert token["token"] not in json.dumps([entry.details for entry in entries])
    assert entries[4].details["host"] == "127.0.0.1"
    assert "secret-path" not in json.dumps(entries[4].details)
    with app.database.read() as session:
        assert session.get(Project, project.id) is None
    assert entries[-1].project_id == project.id  # it outlives the project


def fail_after_recording(app, principal):
    with app.database.write() as session:
        auditing.record(session, principal, Deed(Action.PROJECT_CREATED, "project", 1))
        session.flush()
        raise ZeroDivisionError


def test_an_entry_is_there_with_the_change_or_not_at_all(app, owner, read_log):
    with pytest.raises(InvalidInput, match="cannot be saved"):
        projects.create_project(app, owner.principal, {"title": "x"})
    with pytest.raises(ZeroDivisionError):
        fail_after_recording(app, owner.principal)

    assert read_log() == []


ODD = {
    "password": "hunter2-hunter2",
    "url": "https://x.example/?X-Amz-Signature=abcdef&a=1",
    "long": "x" * 2000,
    "null": "a\0b",
    "half": "a\ud800",
    "many": list(range(500)),
    "inner": {"secret_key": "hunter2-hunter2", "n": 1},
    "what": object(),
}


def test_details_hold_no_secrets_and_fill_no_log(app, owner, read_log):
    deed = Deed(Action.PROJECT_CHANGED, "project", "1\0", details=ODD)
    auditing.record_alone(app, owner.principal, deed)

    (entry,) = read_log()

    text = json.dumps(entry.details)
    assert "hunter2" not in text
    assert "abcdef" not in text
    assert len(text) < 2000
    assert entry.details["null"] == "a\\x00b"


# Who reads it


def test_owners_read_what_was_done_in_their_project_and_nothing_else(
    client, project, owner, stranger, admin
):
    def ask(account, **query):
        return client.get(AUDIT, params=query, headers=account.headers)

    assert ask(owner, project=project.id).json()["results"][0]["action"]
    assert ask(owner).status_code == 403
    assert ask(owner, organization=1).status_code == 403
    assert ask(stranger, project=project.id).status_code in {403, 404}
    assert ask(admin).status_code == 200
    assert ask(admin, project=4711).json() == {"results": [], "next_before": None}


def test_the_log_is_read_page_by_page_and_filtered(app, client, owner, admin):
    for number in range(25):
        action = Action.TOKEN_CREATED if number % 5 else Action.TOKEN_REVOKED
        outcome = "refused" if number == 7 else "success"
        auditing.record_alone(
            app, owner.principal, Deed(action, "token", number, outcome=outcome)
        )

    def ask(**query):
        return client.get(AUDIT, params=query, headers=admin.headers).json()

    seen, before = [], {}
    while True:
        page = ask(limit=10, **before)
        seen += [int(entry["target_id"]) for entry in page["results"]]
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}

    assert seen == list(range(24, -1, -1))
    assert len(ask(action="token.revoke")["results"]) == 5
    assert len(ask(action="token.")["results"]) == 25
    assert len(ask(outcome="refused")["results"]) == 1
    assert len(ask(user=owner.principal.user_id)["results"]) == 25
    assert ask(user=4711)["results"] == []
    hour = timedelta(hours=1)
    assert ask(since=(utc_now() + hour).isoformat())["results"] == []
    assert ask(until=(utc_now() - hour).isoformat())["results"] == []
    for wrong in ("since=soon", "outcome=refusd", "action=token.mak", "actoin=token."):
        answer = client.get(f"{AUDIT}?{wrong}", headers=admin.headers)
        assert answer.status_code == 400
        assert list(answer.json()["validation_errors"]) == [wrong.partition("=")[0]]
    assert len(ask(action="", outcome=" ")["results"]) == 25  # left out


@pytest.mark.parametrize("query", ["kind=tokn", "outcome=refusd", "before=x"])
def test_the_page_refuses_a_filter_that_there_is_not(client, admin, query):
    headers = {**admin.headers, "Accept": "text/html"}
    name, _, value = query.partition("=")

    answer = client.get("/system/audit/", params={name: value}, headers=headers)
    fine = client.get("/system/audit/?kind=token&outcome=", headers=headers)

    assert answer.status_code == 400
    assert value in answer.text or name in answer.text
    assert fine.status_code == 200


def test_bulk_actions_are_written_down(client, auth, project, read_log):
    task = {"project": project.id, "data": {"n": 1}}
    number = client.post("/api/tasks", json=task, headers=auth).json()["id"]
    body = {"tasks": [number], "result": []}
    (made,) = client.post("/api/annotations/bulk", json=body, headers=auth).json()
    gone = {"ids": [made["id"]]}
    client.post("/api/annotations/bulk-delete", json=gone, headers=auth)
    client.delete(f"/api/projects/{project.id}/tasks", headers=auth)

    found = [(e.action, e.project_id, e.details) for e in read_log()[1:]]

    assert found == [
        ("annotation.delete", project.id, {"number": 1}),
        ("task.delete", project.id, {"number": 1}),
    ]


def test_old_entries_are_purged_as_the_operator_says(app, admin, owner, home, catalog):
    for number in range(6):
        deed = Deed(Action.TOKEN_CREATED, "token", number)
        auditing.record_alone(app, owner.principal, deed)
    with app.database.write() as session:
        for row in session.exec(select(AuditEvent)).all():
            age = timedelta(days=400 if int(row.target_id) < 4 else 10)
            row.created_at = utc_now() - age

    with closing(build_app(home, catalog, audit_keep_days=0)) as forever:
        assert audit_log.purge_entries(forever) == 0
    assert audit_log.purge_entries(app) == 4
    assert audit_log.purge_by_hand(app, admin.principal, days=5) == 2
    (left,) = audit_log.list_entries(app, admin.principal, AuditFilter())
    assert (left.action, left.details["removed"]) == ("audit.purge", 2)


# Media


@pytest.fixture
def watched(home, catalog):
    """An application that writes down who was served what."""
    with closing(build_app(home, catalog, audit_media=True)) as app:
        yield app


def fetch(client, path, uri, auth):
    query = {"fileuri": encode_fileuri(uri)}
    return client.get(path, params=query, headers=auth).status_code


def test_media_is_written_down_only_if_the_operator_says_so(
    app, client, auth, owner, folder, connect, put_object, read_log, watched
):
    put_object("gull.jpg")
    (folder / "tern.jpg").write_bytes(b"tern")
    connect()
    project = projects.list_projects(app, owner.principal)[0][0].id
    values = {"path": str(folder), "use_blob_urls": True}
    draft = StorageDraft(project, Purpose.IMPORT, "local", values)
    local = storages.add_storage(app, owner.principal, draft)
    data = {
        "a": "memory://media/gull.jpg",
        "b": local.base_uri.rstrip("/") + "/tern.jpg",
    }
    task = tasks.create_task(app, owner.principal, project, data)
    path = f"/tasks/{task.id}/resolve/"

    assert fetch(client, path, data["a"], auth) == 200
    assert read_log(action="media.") == []
    with TestClient(create_app(watched), follow_redirects=False) as other:
        assert fetch(other, path, data["a"], auth) == 200
        assert fetch(other, path, data["b"], auth) == 303

    entries = read_log(action="media.serve")
    assert [entry.details for entry in entries] == [
        {"key": "gull.jpg", "mode": "stream", "task": task.id},
        {"key": "tern.jpg", "mode": "redirect", "task": task.id},
    ]
    assert {entry.user_email for entry in entries} == {owner.email}
    assert {entry.address for entry in entries} == {"testclient"}
    assert {entry.project_id for entry in entries} == {project}


def build_event(number):
    return MediaServed(1, f"{number}.jpg", None, None, "stream", 1)


def test_a_full_journal_counts_what_it_drops(app, read_log):
    journal = MediaJournal(app, size=10)

    first = [journal.note(build_event(number)) for number in range(25)]
    journal.write()
    journal.write()

    *served, dropped = read_log(action="media.serve")
    assert first == [True] + [False] * 24
    assert [entry.details["key"] for entry in served] == [f"{n}.jpg" for n in range(10)]
    assert dropped.details == {"dropped": 15}
    assert journal.note(build_event(0)) is True


def test_many_notes_are_written_at_once_with_where_they_came_from(app):
    journal = MediaJournal(app)
    with auditing.acting_from(Origin("192.0.2.1", "web")):
        for number in range(1500):
            journal.note(build_event(number))
    journal.write()

    with app.database.read() as session:
        rows = session.exec(select(AuditEvent)).all()
    assert {row.address for row in rows} == {"192.0.2.1"}
    assert len(rows) == 1500


def test_what_cannot_be_written_is_kept_for_the_next_time(app, read_log):
    journal = MediaJournal(app)
    journal.note(build_event(1))
    with app.database.write() as session:
        session.execute(update(AuditEvent).values(action="x"))
    broken, journal._app = journal._app, None
    with pytest.raises(AttributeError):
        journal.write()
    journal._app = broken
    journal.write()

    assert len(read_log(action="media.serve")) == 1

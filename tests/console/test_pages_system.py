"""Pages beside the projects: webhooks, tokens, members, audit log, system, plug-ins."""

from __future__ import annotations

import re

import pytest

from labeldock.contract import NotAuthenticated
from labeldock.services import access, personal_tokens, worker_signs
from labeldock.services.access import Role
from labeldock.services.accounts.project_members import list_project_members
from labeldock.services.webhooks import registry
from tests.console.site import PASSWORD

OWN = {"Accept": "text/html", "Origin": "http://testserver"}


def test_a_token_is_shown_once_and_opens_what_it_says(app, browser, client, project):
    made = browser.post(
        "/user/tokens/", data={"title": "CI", "scope": "read", "expires_in_days": "30"}
    )
    token = re.search(r"<code>([0-9a-f]{40})</code>", made.text)[1]
    later = browser.get("/user/tokens/").text
    headers = {"Authorization": f"Token {token}"}

    assert token not in later
    assert f"{token[:4]}…" in later
    assert client.get("/api/projects/1", headers=headers).status_code == 200
    refused = client.patch("/api/projects/1", json={"title": "abc"}, headers=headers)
    assert refused.status_code == 403


def test_a_token_is_revoked_with_a_button(app, browser):
    made = browser.post("/user/tokens/", data={"scope": "read"})
    token = re.search(r"<code>([0-9a-f]{40})</code>", made.text)[1]
    number = re.search(r"/user/tokens/(\d+)/revoke/", made.text)[1]
    answer = browser.post(f"/user/tokens/{number}/revoke/")

    assert answer.status_code == 303
    assert "The token was revoked." in browser.get("/user/tokens/").text
    with pytest.raises(NotAuthenticated):
        personal_tokens.authenticate(app, token)


def test_a_token_that_cannot_be_made_says_why(browser):
    answer = browser.post(
        "/user/tokens/", data={"scope": "read", "expires_in_days": "-1"}
    )

    assert answer.status_code == 400
    assert "Not a whole number" in answer.text


def test_a_webhook_is_added_tried_and_removed(app, browser, owner, project):
    path = f"/projects/{project.id}/webhooks/"
    empty = browser.get(path).text
    sent = {"url": "http://localhost:9/hook", "is_active": "on",
            "action-RUN_FAILED": "on"}  # fmt: skip
    made = browser.post(path, data=sent)
    (webhook,) = registry.list_webhooks(app, owner.principal, project.id)
    page = browser.get(f"{path}{webhook.id}/").text
    browser.post(f"{path}{webhook.id}/test/")
    tried = browser.get(f"{path}{webhook.id}/").text
    browser.post(f"{path}{webhook.id}/delete/")

    assert "None yet." in empty
    secret = re.search(r"<code>([^<]{20,})</code>", made.text)[1]
    assert secret not in page
    assert webhook.actions == ("RUN_FAILED",)
    assert not webhook.send_payload
    assert "A test message is on its way." in tried
    assert "Webhook test" in tried
    assert registry.list_webhooks(app, owner.principal, project.id) == []


def test_a_webhook_that_leads_nowhere_is_refused_at_its_field(browser, project):
    answer = browser.post("/projects/1/webhooks/", data={"url": "ftp://x"})

    assert answer.status_code == 400
    assert 'id="url-error1"' in answer.text
    assert 'value="ftp://x"' in answer.text


@pytest.fixture
def colleague(app):
    return access.create_user(app, "colleague@example.org", PASSWORD)


def read_roles(app, owner, project):
    found, _ = list_project_members(app, owner.principal, project.id)
    return {each.person.email: each.role for each in found}


def test_members_are_added_changed_and_removed(app, browser, owner, project, colleague):
    path = "/projects/1/members/"
    number = colleague.user_id
    assert colleague.email in browser.get(path).text
    browser.post(path, data={"user": str(number), "role": "viewer"})
    assert read_roles(app, owner, project)[colleague.email] is Role.VIEWER
    browser.post(f"{path}{number}/role/", data={"role": "manager"})
    assert read_roles(app, owner, project)[colleague.email] is Role.MANAGER
    browser.post(f"{path}{number}/remove/")

    assert set(read_roles(app, owner, project)) == {owner.email}


def test_the_last_owner_stays_and_is_told_why(app, browser, owner, project):
    number = owner.principal.user_id
    answer = browser.post(
        f"/projects/1/members/{number}/role/", data={"role": "viewer"}
    )

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert read_roles(app, owner, project)[owner.email] is Role.OWNER


def test_an_administrator_invites_into_a_project(client, admin, project):
    headers = {**OWN, **admin.headers}
    sent = {"email": "new@example.org", "role": "annotator"}
    answer = client.post("/projects/1/members/invite/", data=sent, headers=headers)
    link = re.search(r"<code>http://testserver(/[^<]+)</code>", answer.text)[1]
    page = client.get(link, headers={"Accept": "text/html"})

    assert page.status_code == 200
    assert "Birds" in page.text
    members = client.get("/projects/1/members/", headers=headers).text
    assert "new@example.org" in members
    assert link not in members


def test_an_owner_reads_what_was_done_in_the_project(browser, owner, project):
    browser.post("/projects/1/webhooks/", data={"url": "http://localhost:9/"})
    text = browser.get("/projects/1/audit/").text
    failures = browser.get("/projects/1/audit/?outcome=failure").text

    assert "webhook.create" in text
    assert owner.email in text
    assert "webhook.create" not in failures


def test_the_whole_log_is_for_administrators(browser, client, admin, project):
    headers = {**OWN, **admin.headers}
    login = {"email": admin.email, "password": "wrong"}
    client.post("/user/login/", data=login, headers=OWN)
    text = client.get("/system/audit/?kind=user", headers=headers).text

    assert browser.get("/system/audit/").status_code == 403
    assert "user.login" in text
    assert "project.create" not in text


def test_the_system_page_says_what_there_is_to_do(
    app, browser, client, admin, connect, put_object, owner
):
    put_object("a.jpg")
    storage = connect()
    browser.post(f"/projects/1/storages/{storage.id}/sync/")
    headers = {**OWN, **admin.headers}
    idle = client.get("/system/", headers=headers).text
    worker_signs.give_sign(app, "host:1", storage.created_at)
    busy = client.get("/system/", headers=headers).text

    assert browser.get("/system/").status_code == 403
    assert "No worker was heard of lately" in idle
    assert "host:1" in busy
    assert "No worker was heard of lately" not in busy
    assert "SQLite 3" in busy
    assert '<td class="number" data-label="Waiting">1</td>' in busy


def test_plug_ins_are_shown_with_what_they_can(browser):
    text = browser.get("/system/plugins/").text

    assert "Storage provider <code>memory</code>" in text
    assert "Loaded" in text

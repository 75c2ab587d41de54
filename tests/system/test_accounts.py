"""Links, invitations, members and permissions as a browser and a client meet them."""

from __future__ import annotations

import pytest

from labeldock.services import access
from labeldock.services.accounts import links, organizations, users
from labeldock.services.accounts.links import LinkPurpose
from labeldock.web.sessions import COOKIE
from tests.core.concurrency import wait_until

OWN = {"Origin": "http://testserver"}
EVIL = {"Origin": "https://evil.example"}
PAGE = {"Accept": "text/html"}
HOME = "/api/organizations/1"


@pytest.fixture
def send(client, accounts):
    """A request of somebody; what is answered, and with which status."""

    def send_(name, method, path, **body):
        headers = accounts[name].headers
        answer = client.request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json() if answer.content else None

    return send_


def local(url):
    assert url.startswith("http://testserver/")
    return url.removeprefix("http://testserver")


# Pages


def test_a_link_sets_a_password_by_its_form_alone(client, app, owner):
    path = links.issue_link(app, None, owner.principal.user_id).path
    looks = [client.get(path, headers=PAGE) for _ in range(2)]
    foreign = client.post(path, data={"password": "a new password"}, headers=EVIL)
    short = client.post(path, data={"password": "short"}, headers={**OWN, **PAGE})
    answer = client.post(path, data={"password": "a new password"}, headers=OWN)

    assert [look.status_code for look in looks] == [200, 200]
    assert owner.email in looks[0].text
    assert looks[0].headers["referrer-policy"] == "no-referrer"
    assert (foreign.status_code, short.status_code) == (403, 400)
    assert "at least 8 characters" in short.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert owner.email in client.get("/", headers=PAGE).text
    assert access.log_in(app, owner.email, "a new password")
    assert client.get(path, headers=PAGE).status_code == 404


def test_a_login_link_needs_no_password(client, app, owner):
    user = owner.principal.user_id
    path = links.issue_link(app, None, user, LinkPurpose.LOGIN).path
    page = client.get(path, headers=PAGE).text

    answer = client.post(path, headers=OWN)

    assert 'type="password"' not in page
    assert answer.status_code == 303
    assert COOKIE in client.cookies


def test_a_link_ends_the_sessions_of_before(client, app, owner):
    form = {"email": owner.email, "password": owner.password}
    client.post("/user/login/", data=form, headers=OWN)
    path = links.issue_link(app, None, owner.principal.user_id).path
    cookie = client.cookies[COOKIE]
    client.post(path, data={"password": "a new password"}, headers=OWN)
    client.cookies.clear()

    def is_out():
        headers = {**PAGE, "Cookie": f"{COOKIE}={cookie}"}
        return client.get("/", headers=headers).status_code == 303

    wait_until(is_out)


@pytest.mark.parametrize("path", ["/user/link/none", "/user/invitation/none"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_never_made_is_not_found(client, path, method):
    answer = client.request(method, path, headers={**OWN, **PAGE})

    assert answer.status_code == 404
    assert "not good any more" in answer.text


def test_somebody_new_accepts_an_invitation(client, send):
    status, made = send("admin", "POST", f"{HOME}/invitations", role="guest")
    path = local(made["url"])
    page = client.get(path, headers=PAGE).text
    form = {"email": "New@example.org", "password": "a password", "first_name": "<b>"}
    foreign = client.post(path, data=form, headers=EVIL)
    wrong = client.post(
        path, data={**form, "password": "short"}, headers={**OWN, **PAGE}
    )
    answer = client.post(path, data=form, headers=OWN)

    assert status == 201
    assert "Join Labeldock" in page
    assert (foreign.status_code, wrong.status_code) == (403, 400)
    assert "short" not in wrong.text.replace("Too short", "")
    assert 'value="New@example.org"' in wrong.text
    assert "&lt;b&gt;" in wrong.text
    assert answer.status_code == 303
    assert "new@example.org" in client.get("/", headers=PAGE).text
    assert client.get(path, headers=PAGE).status_code == 404


def test_who_is_logged_in_joins_by_one_button(client, app, send, owner, admin):
    made = organizations.create_organization(app, admin.principal, "Birds")
    path = f"/api/organizations/{made.id}/invitations"
    _, bound = send("admin", "POST", path, email=owner.email)
    _, other = send("admin", "POST", path, email="other@example.org")
    page = client.get(local(bound["url"]), headers=PAGE).text
    form = {"email": owner.email, "password": owner.password}
    client.post("/user/login/", data=form, headers=OWN)

    joined = client.get(local(bound["url"]), headers=PAGE).text
    answer = client.post(local(bound["url"]), headers=OWN)
    refused = client.get(local(other["url"]), headers=PAGE).text
    denied = client.post(local(other["url"]), headers=OWN)

    assert f'href="/user/login/?next={local(bound["url"])}"' in page
    assert "Join the team" in joined
    assert answer.status_code == 303
    assert "for other@example.org" in refused
    assert denied.status_code == 403
    _, known = send("owner", "GET", "/api/organizations")
    assert [each["title"] for each in known] == ["Labeldock", "Birds"]


# The API


def test_organisations_are_listed_made_renamed_and_chosen(send):
    assert send("owner", "POST", "/api/organizations", title="Birds")[0] == 403
    status, made = send("admin", "POST", "/api/organizations", title="Birds")
    path = f"/api/organizations/{made['id']}"
    renamed = send("admin", "PATCH", path, title="Owls")
    chosen = send("admin", "POST", f"{path}/select")
    _, project = send("admin", "POST", "/api/projects", title="Hoots")
    _, me = send("admin", "GET", "/api/current-user/whoami")

    assert (status, made["role"], made["members_count"]) == (201, "administrator", 1)
    assert (renamed[0], renamed[1]["title"], chosen[0]) == (200, "Owls", 204)
    assert project["organization"] == made["id"]
    assert me["active_organization"] == made["id"]
    assert me["active_organization_meta"]["title"] == "Owls"
    assert [o["id"] for o in send("owner", "GET", "/api/organizations")[1]] == [1]
    here = send("admin", "POST", "/api/projects?organization=1", title="Here")[1]
    assert here["organization"] == 1
    listed = send("admin", "GET", f"/api/projects?organization={made['id']}")[1]
    assert [each["title"] for each in listed["results"]] == ["Hoots"]
    assert send("admin", "DELETE", path)[0] == 409


def test_what_is_another_teams_is_answered_like_what_is_not_there(send):
    _, team = send("admin", "POST", "/api/organizations", title="Birds")
    number = team["id"]
    project = send("admin", "POST", f"/api/projects?organization={number}")[1]
    task = send("admin", "POST", "/api/tasks", project=project["id"], data={"a": "b"})[
        1
    ]

    for path, there in (
        ("/api/organizations/{}", number),
        ("/api/organizations/{}/memberships", number),
        ("/api/organizations/{}/invitations", number),
        ("/api/projects/{}", project["id"]),
        ("/api/projects/{}/members", project["id"]),
        ("/api/projects/{}/permissions", project["id"]),
        ("/api/tasks/{}", task["id"]),
        ("/api/tasks/{}/annotations", task["id"]),
        ("/tasks/{}/resolve/?fileuri=memory://media/a", task["id"]),
        ("/projects/{}/resolve/?fileuri=memory://media/a", project["id"]),
    ):
        answers = [
            send("owner", "GET", path.format(each)) for each in (there, there + 900)
        ]
        texts = [
            body["detail"].replace(str(each), "N")
            for (_, body), each in zip(answers, (there, there + 900), strict=True)
        ]
        assert [status for status, _ in answers] == [404, 404], path
        assert texts[0] == texts[1], path


def test_members_of_an_organisation_have_roles(send, accounts):
    number = accounts["owner"].principal.user_id
    _, page = send("owner", "GET", f"{HOME}/memberships")
    path = f"{HOME}/memberships/{number}"
    denied = send("owner", "PATCH", path, role="administrator")
    changed = send("admin", "PATCH", path, role="guest")
    wrong = send("admin", "PATCH", path, role="boss")
    hidden = send("owner", "GET", f"{HOME}/memberships")
    last = send("admin", "DELETE", f"{HOME}/memberships/1")
    gone = send("owner", "DELETE", path)

    assert page["count"] == 3
    assert [m["role"] for m in page["results"]] == ["administrator", "member", "member"]
    assert (denied[0], changed[0], wrong[0], hidden[0]) == (403, 200, 400, 403)
    assert (last[0], gone[0]) == (409, 204)
    assert send("owner", "GET", "/api/organizations")[1] == []
    assert send("admin", "POST", f"{HOME}/memberships", user=number)[0] == 201


def test_members_of_a_project_have_roles(send, project, accounts):
    stranger = accounts["stranger"].principal.user_id
    owner = accounts["owner"].principal.user_id
    path = f"/api/projects/{project.id}"
    assert send("stranger", "GET", path)[0] == 403
    added = send("owner", "POST", f"{path}/members", user=stranger, role="viewer")
    assert send("stranger", "GET", path)[0] == 200
    mine = send("stranger", "GET", f"{path}/permissions")[1]
    changed = send("owner", "PATCH", f"{path}/members/{stranger}", role="manager")
    theirs = send("owner", "GET", f"{path}/permissions?user={stranger}")[1]
    last = send("owner", "DELETE", f"{path}/members/{owner}")
    listed = send("owner", "GET", f"{path}/members")[1]
    gone = send("owner", "DELETE", f"{path}/members/{stranger}")

    assert (added[0], changed[0], last[0], gone[0]) == (201, 200, 409, 204)
    assert mine["permissions"] == ["project.view"]
    assert mine["grants"][0]["because"] == "project_role"
    assert theirs["role"] == "manager"
    assert "project.change" in theirs["permissions"]
    assert [m["role"] for m in listed] == ["owner", "manager"]
    assert send("stranger", "GET", path)[0] == 403


def test_a_change_of_access_is_seen_within_a_second(client, send, project, accounts):
    stranger = accounts["stranger"]
    members = f"/api/projects/{project.id}/members"
    user = stranger.principal.user_id
    send("owner", "POST", members, user=user, role="viewer")
    path = f"/projects/{project.id}/resolve/?fileuri=memory://media/none"

    def ask():
        return client.get(path, headers=stranger.headers).status_code

    assert ask() == 404  # they may ask, and there is no such object
    send("owner", "DELETE", f"{members}/{user}")
    wait_until(lambda: ask() == 403)
    send("admin", "POST", f"/api/users/{user}/deactivate")
    wait_until(lambda: ask() == 401)


def test_accounts_are_made_let_in_kept_out_and_deleted(client, send, app):
    status, made = send("admin", "POST", "/api/users", email="New@example.org")
    path = f"/api/users/{made['id']}"
    assert send("owner", "POST", "/api/users", email="x@example.org")[0] == 403
    assert send("owner", "POST", f"{path}/link")[0] == 403
    assert send("admin", "POST", "/api/users", email="new@example.org")[0] == 409
    _, link = send("admin", "POST", f"{path}/link", hours=2)
    form = {"password": "a password"}
    entered = client.post(local(link["url"]), data=form, headers=OWN)
    named = send("admin", "PATCH", path, first_name="Ada")
    out = send("admin", "POST", f"{path}/deactivate")
    assert send("admin", "GET", path)[0] == 404
    back = send("admin", "POST", f"{path}/activate")
    deleted = send("admin", "DELETE", path)

    assert (status, entered.status_code, out[0], back[0]) == (201, 303, 204, 204)
    assert (named[1]["first_name"], deleted[0]) == ("Ada", 204)
    assert send("admin", "DELETE", path)[0] == 404
    assert send("admin", "DELETE", "/api/users/1")[0] == 409
    assert "new@example.org" not in {u.email for u in users.list_accounts(app)}
    own = f"/api/users/{access.find_user(app, 'owner@example.org').user_id}"
    assert send("owner", "PATCH", own, last_name="Me")[1]["last_name"] == "Me"


def test_invitations_are_shown_without_what_makes_them_work(client, send):
    _, made = send("admin", "POST", f"{HOME}/invitations", email="a@example.org")
    _, listed = send("admin", "GET", f"{HOME}/invitations")
    assert send("owner", "GET", f"{HOME}/invitations")[0] == 403
    revoked = send("admin", "DELETE", f"{HOME}/invitations/{made['id']}")

    token = made["url"].rpartition("/")[2]
    assert token not in str(listed)
    assert "url" not in listed[0]
    assert (listed[0]["email"], listed[0]["is_open"]) == ("a@example.org", True)
    assert revoked[0] == 204
    assert client.get(local(made["url"]), headers=PAGE).status_code == 404


def test_the_open_invitation_of_label_studios_clients_is_replaced(client, send):
    assert send("admin", "GET", "/api/invite")[0] == 404
    assert send("owner", "POST", "/api/invite/reset-token")[0] == 403
    _, first = send("admin", "POST", "/api/invite/reset-token")
    status, second = send("admin", "POST", "/api/invite/reset-token/")

    assert status == 201
    assert second["invite_url"].endswith(second["token"])
    assert client.get(local(first["invite_url"]), headers=PAGE).status_code == 404
    assert client.get(local(second["invite_url"]), headers=PAGE).status_code == 200

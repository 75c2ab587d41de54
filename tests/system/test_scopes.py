"""What tokens may be used for: scopes, an end, and one organisation."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from sqlmodel import col, update

from labeldock.contract import InvalidInput, NotAllowed
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token
from labeldock.services import access, projects, tokens
from labeldock.services.access import SCOPES, Permission
from labeldock.services.scopes import MEANINGS, Scope, parse_scopes, widen
from labeldock.services.tokens import TokenWish
from tests.system.conftest import build_app

TOKENS = "/api/current-user/tokens"
ORDER = list(Scope)


@pytest.fixture
def make(app, owner):
    """A token of the owner, as headers."""

    def make_token(*scopes, **wish):
        wanted = TokenWish(scopes=parse_scopes(list(scopes)), **wish)
        view, text = tokens.create_key(app, owner.principal, wanted)
        return view, {"Authorization": f"Token {text}"}

    return make_token


def test_every_permission_has_its_scope_and_every_scope_its_meaning():
    assert set(SCOPES) == set(Permission)
    assert set(MEANINGS) == set(Scope)


def test_a_scope_includes_those_before_it():
    assert [len(widen([scope])) for scope in ORDER] == [1, 2, 3, 4]
    assert widen(None) is None
    assert widen(["of a later version"]) == frozenset()


def test_an_empty_list_of_scopes_is_not_taken_for_all_of_them(client, auth):
    answer = client.post(TOKENS, json={"scopes": []}, headers=auth)

    assert answer.status_code == 400
    assert "Name at least one" in answer.json()["validation_errors"]["scopes"][0]


# What is asked for, and the least scope that it takes. Each may change something, so
# the token for it comes last.
ASKED = (
    (Scope.READ, "GET", "/api/projects/{project}", None),
    (Scope.READ, "GET", "/api/tasks/{task}", None),
    (Scope.READ, "GET", "/api/projects/{project}/export", None),
    (Scope.READ, "GET", TOKENS, None),
    (Scope.ANNOTATE, "POST", "/api/tasks/{task}/annotations", {"result": []}),
    (Scope.MANAGE, "POST", "/api/projects", {"title": "Another"}),
    (Scope.MANAGE, "PATCH", "/api/projects/{project}", {"title": "Renamed"}),
    (Scope.MANAGE, "PATCH", "/api/tasks/{task}", {"data": {"text": "x"}}),
    (Scope.MANAGE, "POST", "/api/storages/export/memory", {"bucket": "media"}),
    (Scope.MANAGE, "DELETE", "/api/tasks/{task}", None),
    (Scope.ADMIN, "POST", TOKENS, {}),
    (Scope.ADMIN, "POST", "/api/token", {}),
    (Scope.ADMIN, "POST", "/api/current-user/reset-token", {}),
    (Scope.ADMIN, "DELETE", "/api/projects/{project}", None),
)


@pytest.mark.parametrize(
    ("least", "method", "path", "body"), ASKED, ids=[f"{m} {p}" for _, m, p, _ in ASKED]
)
def test_a_token_does_what_its_scope_says_and_no_more(
    client, make, project, task, least, method, path, body
):
    url = path.format(project=project.id, task=task.id)
    if isinstance(body, dict) and "bucket" in body:
        body = {**body, "project": project.id}

    statuses = {}
    for scope in ORDER:
        answer = client.request(method, url, json=body, headers=make(scope)[1])
        statuses[scope] = answer.status_code
        if scope is least:
            break

    *refused, allowed = statuses.values()
    assert set(refused) <= {403}
    assert 200 <= allowed < 300


def test_a_token_for_reading_changes_nothing_whatever_the_route(app, client, make):
    _, headers = make(Scope.READ)
    paths = {route.path for route in client.app.routes if hasattr(route, "methods")}
    open_to_all = {"/user/login/", "/api/token/refresh"}

    statuses = {}
    for path in sorted(paths - open_to_all):
        url = path.replace("{id:int}", "1").replace("{token}", "x")
        if "{" in url or "/events/" in url:
            continue
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.request(method, url, headers=headers, json={})
            statuses[f"{method} {path}"] = answer.status_code

    assert len(statuses) > 150
    odd = {
        what: status for what, status in statuses.items() if status not in {403, 405}
    }
    assert not odd


def test_a_refusal_names_the_scope(client, make):
    answer = client.post("/api/projects", json={}, headers=make(Scope.READ)[1])

    assert answer.status_code == 403
    assert "needs the scope 'annotate'" in answer.json()["detail"]


def test_a_token_never_does_more_than_its_user(app, client, project, stranger):
    _, text = tokens.create_key(app, stranger.principal, TokenWish())

    answer = client.get(
        f"/api/projects/{project.id}", headers={"Authorization": f"Token {text}"}
    )

    assert answer.status_code in {403, 404}


def test_the_short_tokens_of_a_personal_one_have_its_scopes(client, auth):
    body = {"title": "reports", "scopes": ["read"], "expires_in_days": 7}
    made = client.post("/api/token", json=body, headers=auth).json()
    short = client.post("/api/token/refresh", json={"refresh": made["token"]})
    headers = {"Authorization": f"Bearer {short.json()['access']}"}

    assert made["scopes"] == ["read"]
    assert client.get("/api/projects", headers=headers).status_code == 200
    assert client.post("/api/projects", json={}, headers=headers).status_code == 403


def test_a_token_that_is_replaced_may_do_as_much_as_before(client, auth):
    made = client.post("/api/token", json={"scopes": ["annotate"]}, headers=auth).json()

    other = client.post(
        "/api/token/rotate", json={"refresh": made["token"]}, headers=auth
    )

    assert other.status_code == 200
    (listed,) = client.get("/api/token", headers=auth).json()
    assert listed["scopes"] == ["annotate"]


def test_tokens_are_listed_without_what_makes_them_work(client, auth, make, owner):
    view, headers = make(Scope.READ, title="nightly", days=3)
    client.get("/api/projects", headers=headers)
    text = headers["Authorization"].partition(" ")[2]

    answer = client.get(TOKENS, headers=auth)

    listed = {token["id"]: token for token in answer.json()}[view.id]
    assert text not in answer.text
    assert listed["hint"] == text[:4]
    assert (listed["title"], listed["scopes"]) == ("nightly", ["read"])
    assert listed["last_used_at"] is not None
    assert listed["is_in_force"] is True
    assert listed["user_email"] == owner.email


def test_a_token_is_revoked_by_its_number_by_its_user_or_an_administrator(
    client, auth, make, stranger, admin
):
    numbers = [make(Scope.READ)[0].id for _ in range(2)]

    foreign = client.delete(f"{TOKENS}/{numbers[0]}", headers=stranger.headers)
    own = client.delete(f"{TOKENS}/{numbers[0]}", headers=auth)
    by_admin = client.delete(f"{TOKENS}/{numbers[1]}", headers=admin.headers)
    again = client.delete(f"{TOKENS}/{numbers[0]}", headers=auth)

    assert [a.status_code for a in (foreign, own, by_admin, again)] == [
        404, 204, 204, 404,
    ]  # fmt: skip
    listed = {t["id"]: t for t in client.get(TOKENS, headers=auth).json()}
    assert all(listed[number]["revoked_at"] for number in numbers)


def test_nobody_but_administrators_sees_the_tokens_of_others(
    client, owner, stranger, admin
):
    path = f"{TOKENS}?user={owner.principal.user_id}"

    assert client.get(path, headers=stranger.headers).status_code == 403
    assert client.get(path, headers=admin.headers).status_code == 200


def test_a_token_that_is_over_opens_nothing(app, client, make):
    view, headers = make(Scope.READ, days=1)
    ended = update(Token).where(col(Token.id) == view.id)
    with app.database.write() as session:
        session.execute(ended.values(expires_at=utc_now() - timedelta(seconds=1)))

    assert client.get("/api/projects", headers=headers).status_code == 401


def test_the_last_use_is_kept_to_the_minute(app, owner, make):
    view, headers = make(Scope.READ)
    text = headers["Authorization"].partition(" ")[2]

    def use_after(age):
        with app.database.write() as session:
            row = session.get_one(Token, view.id)
            row.last_used_at = None if age is None else utc_now() - age
        access.authenticate(app, text)
        with app.database.read() as session:
            return utc_now() - session.get_one(Token, view.id).last_used_at

    assert use_after(None) < timedelta(seconds=10)
    assert use_after(timedelta(seconds=30)) > timedelta(seconds=29)
    assert use_after(timedelta(seconds=61)) < timedelta(seconds=10)


def test_no_token_lasts_longer_than_the_operator_permits(home, catalog, owner):
    with closing(build_app(home, catalog, token_max_days=30)) as app:
        usual, _ = tokens.create_key(app, owner.principal, TokenWish())
        with pytest.raises(InvalidInput, match="30 days at most") as refused:
            tokens.create_key(app, owner.principal, TokenWish(days=31))

    assert usual.expires_at - usual.created_at == timedelta(days=30)
    assert refused.value.field == "expires_in_days"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": [7]}, "scopes"),
        ({"scopes": {"read": True}}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": "soon"}, "expires_in_days"),
        ({"expires_in_days": 10**9}, "expires_in_days"),
        ({"title": "x" * 300}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": 7}, "title"),
        ({"organization": 4711}, "organization"),
    ],
    ids=lambda value: str(value)[:30].replace("\0", "0"),
)
def test_a_token_that_cannot_be_made_is_explained_by_field(client, auth, body, field):
    answer = client.post(TOKENS, json=body, headers=auth)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]


def test_a_token_of_one_organisation_is_good_for_nothing_of_another(
    app, client, owner, make, project
):
    _, inside = make(organization_id=1)
    view, _ = make(organization_id=1)
    elsewhere = update(Token).where(col(Token.id) == view.id)
    path = f"/api/projects/{project.id}"
    with app.database.write() as session:  # as if it were made for another one
        session.execute(elsewhere.values(organization_id=4711))
    foreign = access.find_token(app, Token.id == view.id)

    assert client.get(path, headers=inside).status_code == 200
    with pytest.raises((NotAllowed, LookupError), match=r"exist|permission"):
        projects.get_project(app, foreign, project.id)
    assert projects.list_projects(app, foreign) == ([], 0)

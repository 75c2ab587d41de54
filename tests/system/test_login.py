"""Logging in with a browser, and what its cookie is good for."""

from __future__ import annotations

import time

import pytest
from sqlmodel import col, update

from labeldock.db.secrets import Vault
from labeldock.db.tables import User
from labeldock.services import access
from labeldock.web.console.login import read_target
from labeldock.web.sessions import (
    COOKIE,
    LIFETIME,
    Session,
    build_session,
    read_session,
)
from tests.core.concurrency import wait_until

PAGE = {"Accept": "text/html"}
OWN = {"Origin": "http://testserver"}


@pytest.fixture
def log_in(client, owner):
    def submit(password=owner.password, headers=OWN, **fields):
        form = {"email": owner.email, "password": password, **fields}
        return client.post("/user/login/", data=form, headers=headers)

    return submit


def test_a_login_leads_to_the_projects(client, log_in, owner):
    answer = log_in()

    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert owner.email in client.get("/", headers=PAGE).text


def test_the_cookie_is_out_of_reach_for_scripts_and_foreign_pages(log_in):
    cookie = log_in().headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Max-Age={LIFETIME}" in cookie
    assert "Secure" not in cookie


def test_over_https_the_cookie_is_secure(client, owner):
    form = {"email": owner.email, "password": owner.password}

    answer = client.post(
        "https://testserver/user/login/",
        data=form,
        headers={"Origin": "https://testserver"},
    )

    assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_password_is_told_and_keeps_the_address(client, log_in, owner):
    answer = log_in(password="guess")

    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in answer.text
    assert f'value="{owner.email}"' in answer.text
    assert COOKIE not in client.cookies


def test_an_unknown_address_is_answered_like_a_wrong_password(client):
    form = {"email": "nobody@example.org", "password": "guess"}

    answer = client.post("/user/login/", data=form, headers=OWN)

    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in answer.text


def test_without_a_login_a_page_sends_to_the_form_and_back(client, log_in, project):
    path = f"/projects/{project.id}/?page=1"
    sent = client.get(path, headers=PAGE)
    target = client.get(sent.headers["location"]).text

    answer = log_in(next=path)

    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/user/login/?next=/projects/")
    assert f'name="next" value="{path}"' in target
    assert answer.headers["location"] == path


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "x", "", "/a\r\nb"],
)
def test_the_way_back_never_leaves_the_site(target):
    assert read_target(target) == "/"


def test_a_login_form_sent_by_a_foreign_page_is_refused(client, log_in):
    answer = log_in(headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert COOKIE not in client.cookies


def test_logging_out_ends_the_session(client, log_in):
    log_in()

    answer = client.post("/user/logout/", headers=OWN)

    assert answer.headers["location"] == "/user/login/"
    assert client.get("/", headers=PAGE).status_code == 303


FOREIGN = {
    "cross-site": {"Sec-Fetch-Site": "cross-site", **OWN},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "foreign origin": {"Origin": "https://evil.example"},
    "no origin": {"Origin": "null"},
    "silent": {},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_cookie_alone_changes_nothing(client, log_in, headers):
    log_in()

    answer = client.post("/api/projects", json={"title": "Owls"}, headers=headers)

    assert answer.status_code == 403
    assert client.get("/api/projects").json()["count"] == 0


@pytest.mark.parametrize("headers", [OWN, {"Sec-Fetch-Site": "same-origin"}])
def test_a_page_of_ours_changes_things(client, log_in, headers):
    log_in()

    answer = client.post("/api/projects", json={"title": "Owls"}, headers=headers)

    assert answer.status_code == 201


def test_a_token_needs_no_page(client, auth):
    headers = {**auth, "Origin": "https://evil.example"}

    answer = client.post("/api/projects", json={"title": "Owls"}, headers=headers)

    assert answer.status_code == 201


VAULT = Vault(["a key for this test alone"])


STAMP = "0123abcd"


def test_a_session_names_its_user():
    assert read_session(VAULT, build_session(VAULT, 7, STAMP)) == Session(7, STAMP)


def test_a_session_ends_after_two_weeks():
    then = time.time() - LIFETIME

    assert read_session(VAULT, build_session(VAULT, 7, STAMP, then + 60)) is not None
    assert read_session(VAULT, build_session(VAULT, 7, STAMP, then - 1)) is None


def test_a_session_from_the_future_is_refused():
    value = build_session(VAULT, 7, STAMP, time.time() + 3600)

    assert read_session(VAULT, value) is None


def test_a_forged_session_is_refused():
    value = build_session(VAULT, 7, STAMP)
    other = build_session(Vault(["another key for this test"]), 7, STAMP)
    restamped = value.replace(STAMP, "ffff", 1)

    for forged in (
        value.replace("7.", "1.", 1), restamped, other, value[:-1], "", "..", "é.ü",
    ):  # fmt: skip
        assert read_session(VAULT, forged) is None


def change_password(app, owner):
    access.change_password(app, owner.email, "another password")


def deactivate(app, owner):
    with app.database.write() as session:
        session.execute(
            update(User).where(col(User.email) == owner.email).values(is_active=False)
        )


def log_out_elsewhere(app, owner):
    access.end_sessions(app, access.find_user(app, owner.email).user_id)


@pytest.mark.parametrize("end", [change_password, deactivate, log_out_elsewhere])
def test_a_session_is_ended_by(client, app, log_in, owner, end):
    log_in()
    assert client.get("/api/projects").status_code == 200
    end(app, owner)

    # Who asked a moment ago is remembered for a second, and no longer.
    wait_until(lambda: client.get("/api/projects").status_code == 401, 10)


def test_a_copied_cookie_is_worth_nothing_after_the_log_out(client, log_in):
    log_in()
    copy = client.cookies[COOKIE]
    client.post("/user/logout/", headers=OWN)
    assert COOKIE not in client.cookies

    client.cookies[COOKIE] = copy
    wait_until(lambda: client.get("/api/projects").status_code == 401, 10)
    client.cookies.clear()
    log_in()
    assert client.get("/api/projects").status_code == 200


def test_the_form_says_how_to_make_the_first_user(client, app, monkeypatch):
    monkeypatch.setattr(access, "count_users", lambda _app: 0)

    text = client.get("/user/login/").text

    assert "labeldock user create --email you@example.org --admin" in text

"""Logging in with an OpenID provider, which is a server of the test's own."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from labeldock.contract.errors import ConfigurationError
from labeldock.db.accounts import Identity
from labeldock.db.secrets import Vault
from labeldock.db.tables import User
from labeldock.services import access
from labeldock.services.access import OrganizationRole
from labeldock.services.accounts import accepting, invitations, members, users
from labeldock.services.accounts.invitations import INVITATION_PATH, InvitationWish
from labeldock.services.accounts.openid.claims import Journey
from labeldock.settings import load_settings
from labeldock.web.app import create_app
from labeldock.web.console.openid_pages import open_journey, seal_journey
from labeldock.web.sessions import COOKIE
from tests.servers.openid import CLIENT, SECRET, make_key, run_openid_provider
from tests.system.conftest import build_app

OWN = {"Origin": "http://testserver"}
PAGE = {"Accept": "text/html"}
START = "/user/openid/"


@pytest.fixture
def provider():
    with run_openid_provider() as running:
        yield running


@pytest.fixture
def open_client(home, catalog, provider):
    """A browser before a service that knows the provider."""
    opened = []

    def open_(**settings):
        chosen = {
            "openid_issuer": provider.url,
            "openid_client_id": CLIENT,
            "openid_client_secret": SECRET,
            "openid_name": "Example",
            **settings,
        }
        parts = build_app(home, catalog, **chosen)
        client = TestClient(create_app(parts), follow_redirects=False)
        opened.append((parts, client))
        return client, parts

    yield open_
    for parts, client in opened:
        client.close()
        parts.close()


def go(client, path=START, **changes):
    """Log in as a browser does; `changes` are those of the query on the way back."""
    sent = client.get(path)
    assert sent.status_code == 303, sent.text
    there = httpx2.get(sent.headers["location"])
    assert there.status_code == 302, there.text
    back = urlsplit(there.headers["location"])
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    query = {n: v for n, v in {**query, **changes}.items() if v is not None}
    return client.get(back.path, params=query)


def known(parts):
    with parts.database.read() as session:
        return session.exec(select(Identity)).all()


def test_who_is_new_gets_an_account_where_the_operator_says_so(open_client, provider):
    client, parts = open_client(openid_create_users=True, openid_role="guest")

    answer = go(client, f"{START}?next=/projects/1/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/projects/1/")
    assert COOKIE in client.cookies
    user = access.find_user(parts, "ada@example.org")
    assert (user.first_name, user.last_name, user.is_admin) == (
        "Ada",
        "Lovelace",
        False,
    )
    member = members.get_member(
        parts, access.find_user(parts, "admin@example.org"), 1, user.user_id
    )
    assert member.role is OrganizationRole.GUEST
    assert "ada@example.org" in client.get("/", headers=PAGE).text
    assert [row.subject for row in known(parts)] == ["user-1"]


def test_who_is_new_is_turned_away_otherwise(open_client, provider):
    client, parts = open_client()

    answer = go(client)

    assert answer.status_code == 401
    assert "There is no account for you here" in answer.text
    assert COOKIE not in client.cookies
    assert access.count_users(parts) == 3


def test_an_account_is_found_by_its_address_and_then_by_its_number(
    open_client, provider, owner
):
    client, parts = open_client()
    provider.user["email"] = owner.email
    first = go(client)
    provider.user["email"] = "another@example.org"
    second = go(client)

    assert (first.status_code, second.status_code) == (303, 303)
    assert [row.user_id for row in known(parts)] == [owner.principal.user_id]
    assert owner.email in client.get("/", headers=PAGE).text
    assert access.log_in(parts, owner.email, owner.password)


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        ({"openid_link_users": False}, {}),
        ({}, {"email_verified": False}),
        ({}, {"email_verified": None}),
        ({}, {"email_verified": "false"}),
        ({}, {"email": None}),
        ({"openid_domains": "other.example, third.example"}, {}),
    ],
)
def test_an_account_is_not_given_to_whoever_names_its_address(
    open_client, provider, owner, settings, claims
):
    client, parts = open_client(openid_create_users=True, **settings)
    provider.user["email"] = owner.email
    provider.user = {
        n: v for n, v in {**provider.user, **claims}.items() if v is not None
    }

    answer = go(client)

    assert answer.status_code == 401
    assert known(parts) == []
    assert COOKIE not in client.cookies


def test_an_address_that_nobody_vouched_for_gives_nothing_away(
    open_client, provider, admin
):
    client, parts = open_client()
    _, token = invitations.create_invitation(
        parts, admin.principal, 1, InvitationWish()
    )
    values = {"email": "ada@example.org", "password": "prepared for Ada"}
    accepting.sign_up(parts, token, values)

    answer = go(client)

    assert answer.status_code == 401
    assert "not connected" in answer.text
    assert known(parts) == []


def test_who_is_deactivated_does_not_come_in(open_client, provider, owner):
    client, parts = open_client()
    provider.user["email"] = owner.email
    assert go(client).status_code == 303
    users.deactivate_user(parts, None, owner.principal.user_id)
    client.cookies.clear()

    answer = go(client)

    assert answer.status_code == 401
    assert "not active" in answer.text
    assert COOKIE not in client.cookies


def test_an_invitation_lets_somebody_in(open_client, provider, admin):
    client, parts = open_client()
    wish = InvitationWish(OrganizationRole.GUEST, email="ada@example.org")
    _, token = invitations.create_invitation(parts, admin.principal, 1, wish)
    page = client.get(f"{INVITATION_PATH}{token}").text

    answer = go(client, f"{START}?next={INVITATION_PATH}{token}")

    assert "Go on with Example" in page
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    user = access.find_user(parts, "ada@example.org")
    member = members.get_member(parts, admin.principal, 1, user.user_id)
    assert member.role is OrganizationRole.GUEST
    assert not invitations.list_invitations(parts, admin.principal, 1)[0].is_open


def test_an_invitation_for_somebody_else_lets_nobody_in(open_client, provider, admin):
    client, parts = open_client()
    wish = InvitationWish(email="other@example.org")
    _, token = invitations.create_invitation(parts, admin.principal, 1, wish)

    answer = go(client, f"{START}?next={INVITATION_PATH}{token}")

    assert answer.status_code == 401
    assert access.count_users(parts) == 3


SPOILED = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another client"},
    {"aud": None},
    {"aud": [CLIENT, "another"], "azp": "another"},
    {"exp": 1_000_000_000},
    {"exp": None},
    {"iat": 4_000_000_000},
    {"nonce": "another"},
    {"nonce": None},
    {"sub": None},
]


def test_a_token_that_is_not_for_us_and_now_is_refused(open_client, provider):
    client, parts = open_client(openid_create_users=True)

    for claims in SPOILED:
        provider.spoiled = claims
        answer = go(client)
        assert answer.status_code == 401, claims
        assert "did not succeed" in answer.text, claims

    assert access.count_users(parts) == 3
    provider.spoiled = {}
    assert go(client).status_code == 303


def test_a_signature_that_is_not_the_providers_is_refused(open_client, provider):
    client, parts = open_client(openid_create_users=True)

    for algorithm in ("HS256", "none"):
        provider.algorithm = algorithm
        assert go(client).status_code == 401, algorithm
    provider.algorithm, provider.key = "RS256", make_key()
    assert go(client).status_code == 401

    assert access.count_users(parts) == 3


def test_keys_may_change_and_are_asked_for_no_more_than_needed(open_client, provider):
    client, _ = open_client(openid_create_users=True)
    assert [go(client).status_code for _ in range(3)] == [303] * 3
    asked = dict(provider.asked)
    provider.key = make_key()
    provider.published = [provider.key]

    assert go(client).status_code == 303
    assert asked["/keys"] == asked["/.well-known/openid-configuration"] == 1
    assert provider.asked["/keys"] == 2


def test_what_is_told_apart_is_asked_for(open_client, provider):
    client, parts = open_client(openid_create_users=True)
    provider.tells_apart = True

    assert go(client).status_code == 303
    assert access.find_user(parts, "ada@example.org").first_name == "Ada"


BENT = [
    {"state": "another"},
    {"state": None},
    {"code": "another"},
    {"code": None, "error": "access_denied"},
    {"iss": "https://evil.example"},
]


def test_a_way_back_that_was_not_begun_so_is_refused(open_client, provider):
    client, parts = open_client(openid_create_users=True)

    for changes in BENT:
        assert go(client, **changes).status_code == 401, changes
        assert COOKIE not in client.cookies, changes

    assert access.count_users(parts) == 3


def test_another_browser_cannot_finish_what_one_began(open_client, provider):
    client, parts = open_client(openid_create_users=True)
    sent = client.get(START)
    back = httpx2.get(sent.headers["location"]).headers["location"]
    client.cookies.clear()

    answer = client.get(back.removeprefix("http://testserver"))

    assert answer.status_code == 401
    assert access.count_users(parts) == 3


def test_a_code_is_good_once(open_client, provider):
    client, _ = open_client(openid_create_users=True)
    sent = client.get(START)
    journey = client.cookies["labeldock_openid"]
    back = httpx2.get(sent.headers["location"]).headers["location"]
    path = back.removeprefix("http://testserver")
    first = client.get(path)
    second = client.get(path, headers={"Cookie": f"labeldock_openid={journey}"})

    assert (first.status_code, second.status_code) == (303, 401)


def test_a_user_who_says_no_is_told_so(open_client, provider):
    client, _ = open_client(openid_create_users=True)
    provider.refuses = True

    answer = go(client)

    assert answer.status_code == 401
    assert "not logged in there" in answer.text


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=["issuer", "no-endpoint", "scheme"],
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(
    open_client, provider, document
):
    client, _ = open_client()
    provider.document = document

    answer = client.get(START)

    assert answer.status_code == 401
    assert "did not succeed" in answer.text
    assert 'name="password"' in answer.text


def test_a_provider_that_is_away_leaves_the_password(open_client, owner):
    client, _ = open_client(openid_issuer="http://127.0.0.1:9/")
    form = {"email": owner.email, "password": owner.password}

    assert client.get(START).status_code == 401
    answer = client.post("/user/login/", data=form, headers=OWN)
    assert answer.status_code == 303
    left = client.post("/user/logout/", headers=OWN)
    assert left.headers["location"] == "/user/login/?left"
    gone = client.get("/user/openid/logout")
    assert (gone.status_code, gone.headers["location"]) == (303, "/user/login/")


def test_the_login_page_leads_there_and_out_again(open_client, provider):
    client, _ = open_client()

    page = client.get("/user/login/?next=/projects/1/").text
    left = client.get("/user/login/?left").text
    out = urlsplit(client.get("/user/openid/logout").headers["location"])

    assert 'href="/user/openid/?next=/projects/1/"' in page
    assert "Log in with Example" in page
    assert 'href="/user/openid/logout"' in left
    assert f"{out.scheme}://{out.netloc}{out.path}" == f"{provider.url}/logout"
    assert parse_qs(out.query) == {
        "client_id": [CLIENT],
        "post_logout_redirect_uri": ["http://testserver/user/login/"],
    }


def test_the_way_back_never_leaves_the_site(open_client, provider):
    client, _ = open_client(openid_create_users=True)

    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = go(client, f"{START}?next={target}")
        assert answer.headers["location"] == "/", target


def test_without_a_provider_there_is_nothing(client):
    assert client.get(START, headers=PAGE).status_code == 404
    assert client.get(f"{START}callback", headers=PAGE).status_code == 404
    assert "openid" not in client.get("/user/login/").text


def test_what_is_remembered_is_signed_and_ends():
    vault, other = Vault(["one key of this test"]), Vault(["another key of it"])
    journey = Journey("state", "nonce", "verifier", "/")
    now = time.time()
    sealed = seal_journey(vault, journey, now)

    assert open_journey(vault, sealed, now + 599) == journey
    assert open_journey(vault, sealed, now + 601) is None
    assert open_journey(other, sealed, now) is None
    for damaged in ("", ".", "x" + sealed, sealed[:-1], sealed.partition(".")[0]):
        assert open_journey(vault, damaged, now) is None


def test_a_provider_without_https_is_refused(monkeypatch):
    monkeypatch.setenv("LABELDOCK_OPENID_ISSUER", "http://login.example.org")

    with pytest.raises(ConfigurationError, match=r"LABELDOCK_OPENID_ISSUER.*https"):
        load_settings()


def test_new_users_are_confirmed_by_the_provider(open_client, provider):
    client, parts = open_client(openid_create_users=True)
    go(client)

    with parts.database.read() as session:
        user = session.exec(select(User).where(User.email == "ada@example.org")).one()
    assert user.email_confirmed
    assert user.password_hash == ""

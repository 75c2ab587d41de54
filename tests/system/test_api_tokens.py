"""/api/token: personal access tokens, as the SDK uses them."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta

import pytest
from sqlmodel import col, update

from labeldock.contract import NotAuthenticated
from labeldock.db.columns import utc_now
from labeldock.db.tables import Token
from labeldock.services import personal_tokens

WHOAMI = "/api/current-user/whoami"


@pytest.fixture
def lasting(client, auth):
    return client.post("/api/token/", headers=auth).json()["token"]


@pytest.fixture
def refresh(client):
    def exchange(token):
        return client.post("/api/token/refresh/", json={"refresh": token})

    return exchange


def read_claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def ask(client, token, scheme="Bearer"):
    return client.get(WHOAMI, headers={"Authorization": f"{scheme} {token}"})


def test_a_token_says_when_it_ends_and_whose_it_is(lasting, owner):
    claims = read_claims(lasting)

    assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id"}
    assert claims["token_type"] == "refresh"
    assert claims["user_id"] == owner.principal.user_id
    assert claims["exp"] - claims["iat"] == 365 * 86400


def test_a_lasting_token_buys_one_for_five_minutes(client, owner, lasting, refresh):
    short = refresh(lasting).json()["access"]

    claims = read_claims(short)
    assert claims["token_type"] == "access"
    assert claims["exp"] - claims["iat"] == 300
    assert ask(client, short).json()["email"] == owner.email
    by_key = client.get(WHOAMI, headers={"X-API-Key": short})
    assert by_key.json()["email"] == owner.email


@pytest.mark.parametrize("scheme", ["Bearer", "Token"])
def test_a_lasting_token_opens_nothing_itself(client, lasting, scheme):
    answer = ask(client, lasting, scheme)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_tokens_are_listed_without_their_signatures(client, auth, lasting):
    (listed,) = client.get("/api/token/", headers=auth).json()

    assert listed["token"] == lasting.rpartition(".")[0]
    assert {"created_at", "expires_at"} <= set(listed)


def test_a_token_that_is_revoked_buys_nothing_and_its_short_ones_end(
    client, auth, app, lasting, refresh
):
    short = refresh(lasting).json()["access"]
    body = {"refresh": lasting}
    revoked = client.post("/api/token/blacklist/", json=body, headers=auth)

    assert (revoked.status_code, revoked.content) == (204, b"")
    assert refresh(lasting).status_code == 401
    assert ask(client, short).status_code == 401
    again = client.post("/api/token/blacklist/", json=body, headers=auth)
    assert again.status_code == 404
    assert client.get("/api/token/", headers=auth).json() == []


def test_a_token_is_replaced(client, auth, lasting, refresh):
    body = {"refresh": lasting}
    other = client.post("/api/token/rotate/", json=body, headers=auth).json()["refresh"]

    assert refresh(lasting).status_code == 401
    assert refresh(other).status_code == 200


def test_nobody_revokes_the_token_of_somebody_else(client, lasting, refresh, stranger):
    for action in ("blacklist", "rotate"):
        answer = client.post(
            f"/api/token/{action}", json={"refresh": lasting}, headers=stranger.headers
        )
        assert answer.status_code == 404

    assert refresh(lasting).status_code == 200


def test_a_token_ends_when_it_says(app, client, lasting, refresh):
    with app.database.write() as session:
        past = utc_now() - timedelta(seconds=1)
        ended = update(Token).where(col(Token.jti) == read_claims(lasting)["jti"])
        session.execute(ended.values(expires_at=past))

    assert refresh(lasting).status_code == 401


def test_a_short_token_ends_after_its_time(app, client, lasting, refresh, monkeypatch):
    short = refresh(lasting).json()["access"]
    later = time.time() + personal_tokens.ACCESS_SECONDS + 1
    monkeypatch.setattr(personal_tokens.time, "time", lambda: later)

    assert ask(client, short).status_code == 401


def forge(token, **claims):
    head, _, signature = token.split(".")
    text = json.dumps({**read_claims(token), **claims}).encode()
    return f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{signature}"


def test_a_token_that_was_changed_is_refused(client, admin, lasting, refresh):
    short = refresh(lasting).json()["access"]
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    forged = [
        forge(short, user_id=admin.principal.user_id),
        forge(short, exp=2**40),
        forge(lasting, token_type="access"),
        f"{unsigned}.{short.split('.')[1]}.",
        f"{short[:-2]}xx",
        "a.b.c",
        "..",
    ]

    assert {ask(client, token).status_code for token in forged} == {401}


@pytest.mark.parametrize("body", [{}, {"refresh": ""}, {"refresh": 7}, {"refresh": []}])
def test_a_body_without_a_token_is_told_by_field(client, body):
    answer = client.post("/api/token/refresh", json=body)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["refresh"]


def test_the_token_of_the_request_is_shown_and_no_other(client, auth, owner, refresh):
    path = "/api/current-user/token"
    lasting = client.post("/api/token/", headers=auth).json()["token"]
    short = refresh(lasting).json()["access"]

    assert client.get(path, headers=auth).json() == {"token": owner.token}
    other = client.get(path, headers={"Authorization": f"Bearer {short}"})
    assert other.status_code == 404
    assert "hashes" in other.json()["detail"]


def test_a_token_that_is_reset_is_not_good_any_more(app, client, auth, owner):
    answer = client.post("/api/current-user/reset-token", headers=auth)

    made = answer.json()["token"]
    assert answer.status_code == 201
    assert ask(client, made, "Token").json()["email"] == owner.email
    with pytest.raises(NotAuthenticated):
        personal_tokens.authenticate(app, owner.token)

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from sqlmodel import select, update

from labeldock.contract import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
)
from labeldock.db.columns import utc_now
from labeldock.db.tables import Membership, Token, User
from labeldock.services import access, projects
from labeldock.services.access import Permission
from labeldock.services.tokens import TokenWish, create_key, revoke_key
from tests.core.concurrency import run_at_once


def test_a_login_is_checked(app, people):
    found = access.log_in(app, " OWNER@example.org ", "owner-password")

    assert found == people.owner
    for email, password in (
        ("owner@example.org", "wrong"),
        ("nobody@example.org", "owner-password"),
        ("owner@example.org", ""),
    ):
        with pytest.raises(NotAuthenticated, match="address or the password is wrong"):
            access.log_in(app, email, password)


def test_who_is_not_active_cannot_come_in(app, people):
    _, token = create_key(app, people.owner, TokenWish())
    with app.database.write() as session:
        session.execute(update(User).values(is_active=False))

    for act in (
        lambda: access.log_in(app, people.owner.email, "owner-password"),
        lambda: access.authenticate(app, token),
        lambda: access.load_user(app, people.owner.user_id),
    ):
        with pytest.raises(NotAuthenticated, match=r"wrong|Invalid|not provided"):
            act()


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("no address", "long enough", "email"),
        ("a@", "long enough", "email"),
        ("@b", "long enough", "email"),
        ("a\0@b", "long enough", "email"),
        ("a@b", "short", "password"),
    ],
)
def test_a_login_that_cannot_be_is_refused(sqlite_app, email, password, field):
    with pytest.raises(InvalidInput, match="cannot be created") as caught:
        access.create_user(sqlite_app, email, password)

    assert [problem.field for problem in caught.value.problems] == [field]


def test_an_address_is_given_once_however_many_ask(app):
    acts = [lambda: access.create_user(app, "New@example.org", "new-password")] * 3

    outcomes = run_at_once(*acts)

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert {type(o) for o in outcomes if isinstance(o, Exception)} == {Conflict}
    with pytest.raises(Conflict, match=r"new@example\.org already"):
        access.create_user(app, "new@example.org", "new-password")


def test_a_token_opens_and_is_kept_as_a_hash_alone(app, people):
    _, token = create_key(app, people.owner, TokenWish(title="laptop"))

    assert access.authenticate(app, token) == people.owner
    with app.database.read() as session:
        row = session.exec(select(Token)).one()
    assert token not in row.model_dump_json()
    assert len(token) == 40
    assert row.last_used_at is not None


def test_a_token_that_is_unknown_revoked_or_expired_opens_nothing(app, people):
    wish = TokenWish()
    revoked, expired = (create_key(app, people.owner, wish)[1] for _ in range(2))
    revoke_key(app, revoked)
    with app.database.write() as session:
        hashed = access.hash_token(expired)
        past = utc_now() - timedelta(seconds=1)
        session.execute(
            update(Token).where(Token.token_hash == hashed).values(expires_at=past)
        )

    for token in ("f" * 40, "", revoked, expired):
        with pytest.raises(NotAuthenticated, match="Invalid token"):
            access.authenticate(app, token)
    with pytest.raises(NotFound, match="no such token in force"):
        revoke_key(app, revoked)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", {Permission.VIEW}),
        ("annotator", {Permission.VIEW, Permission.ANNOTATE}),
        ("manager", {Permission.VIEW, Permission.ANNOTATE, Permission.MANAGE}),
        ("owner", set(Permission)),
        (None, set()),
    ],
)
def test_a_role_permits_what_it_says(sqlite_place, people, role, allowed):
    app, project = sqlite_place.app, sqlite_place.project
    if role:
        with app.database.write() as session:
            session.add(
                Membership(
                    project_id=project, user_id=people.stranger.user_id, role=role
                )
            )

    found = set()
    for permission in Permission:
        with app.database.read() as session, contextlib.suppress(NotAllowed):
            access.require(session, people.stranger, project, permission)
            found.add(permission)

    assert found == allowed


def test_what_is_missing_is_named(sqlite_place, people):
    with (
        sqlite_place.app.database.read() as session,
        pytest.raises(NotAllowed, match="do not have permission") as caught,
    ):
        access.require(
            session, people.stranger, sqlite_place.project, Permission.MANAGE
        )

    assert "project.change" in caught.value.remedy


def test_an_administrator_may_do_everything_in_every_project(sqlite_place, people):
    app = sqlite_place.app
    with app.database.read() as session:
        for permission in Permission:
            access.require(session, people.admin, sqlite_place.project, permission)
        with pytest.raises(NotFound, match="Project 99 does not exist"):
            access.require(session, people.admin, 99, Permission.VIEW)

    assert access.find_operator(app) == people.admin
    assert projects.get_project(app, people.admin, sqlite_place.project).title


def test_a_weak_new_password_is_told_as_one(sqlite_app, owner):
    with pytest.raises(InvalidInput, match="This password cannot be used") as caught:
        access.change_password(sqlite_app, owner.email, "short")

    assert [problem.field for problem in caught.value.problems] == ["password"]

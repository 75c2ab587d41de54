"""Accounts: links that work once, who is kept out, what stays of who is deleted."""

from __future__ import annotations

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
from labeldock.db.accounts import Identity, Invitation, OneTimeLink
from labeldock.db.columns import utc_now
from labeldock.db.tables import User
from labeldock.services import access, projects, tasks
from labeldock.services.access import OrganizationRole, Role
from labeldock.services.accounts import (
    accepting,
    invitations,
    links,
    members,
    organizations,
    project_members,
    users,
)
from labeldock.services.accounts.invitations import InvitationWish, read_wish
from labeldock.services.accounts.links import LinkPurpose
from labeldock.services.accounts.login_limits import give_back_attempt, take_attempt
from labeldock.services.annotations import create_annotation
from labeldock.services.context import AppContext
from labeldock.services.tokens import TokenWish, create_key
from labeldock.settings import Settings
from tests.core.concurrency import run_at_once

NEW = {"password": "a new password"}


def is_in(app, login):
    """Whether a session goes on."""
    try:
        access.load_session(app, login.principal.user_id, login.stamp)
    except NotAuthenticated:
        return False
    return True


# One-time links


def test_a_link_sets_a_password_once_and_ends_sessions(app, people):
    user = people.owner
    before = access.open_session(app, user.email, "owner-password")
    link, other = (links.issue_link(app, people.admin, user.user_id) for _ in range(2))

    login = links.use_link(app, link.token, NEW)

    assert login.principal == user
    assert is_in(app, login)
    assert not is_in(app, before)
    assert access.log_in(app, user.email, NEW["password"]) == user
    for token in (link.token, other.token, "unknown"):
        with pytest.raises(NotFound, match="not good any more"):
            links.use_link(app, token, NEW)
    with app.database.read() as session:
        rows = session.exec(select(OneTimeLink)).all()
    assert link.token not in "".join(row.model_dump_json() for row in rows)


def test_of_several_who_use_a_link_at_once_one_comes_in(app, people):
    link = links.issue_link(app, None, people.owner.user_id, LinkPurpose.LOGIN)

    outcomes = run_at_once(*[lambda: links.use_link(app, link.token, {})] * 4)

    assert sum(isinstance(o, access.Login) for o in outcomes) == 1
    assert sum(isinstance(o, NotFound) for o in outcomes) == 3


def test_a_link_ends_with_its_time(sqlite_app, people):
    link = links.issue_link(sqlite_app, None, people.owner.user_id, hours=1)
    assert links.look_at_link(sqlite_app, link.token).email == people.owner.email
    with sqlite_app.database.write() as session:
        past = utc_now() - timedelta(seconds=1)
        session.execute(update(OneTimeLink).values(expires_at=past))

    with pytest.raises(NotFound, match="not good any more"):
        links.look_at_link(sqlite_app, link.token)
    with pytest.raises(InvalidInput, match="Not a time"):
        links.issue_link(sqlite_app, None, people.owner.user_id, hours=0)


def test_a_password_that_is_refused_leaves_the_link_good(sqlite_app, people):
    link = links.issue_link(sqlite_app, None, people.owner.user_id)

    for values in ({}, {"password": "short"}):
        with pytest.raises(InvalidInput, match="cannot be used"):
            links.use_link(sqlite_app, link.token, values)

    assert links.use_link(sqlite_app, link.token, NEW).principal == people.owner


def test_the_first_administrator_begins_with_a_link(sqlite_app):
    with sqlite_app.database.write_connection() as connection:
        connection.exec_driver_sql("DELETE FROM user_account")
    first, second = (links.prepare_first_admin(sqlite_app) for _ in range(2))
    values = {**NEW, "email": "Me@example.org", "first_name": "Ada"}

    login = links.use_link(sqlite_app, second.token, values)

    assert first.purpose is LinkPurpose.SETUP
    assert login.principal.email == "me@example.org"
    assert login.principal.is_admin
    assert access.log_in(sqlite_app, "me@example.org", NEW["password"])
    with pytest.raises(NotFound, match="not good any more"):
        links.use_link(sqlite_app, first.token, values)
    assert links.prepare_first_admin(sqlite_app) is None
    assert projects.create_project(sqlite_app, login.principal, {}).organization_id == 1


def test_who_has_users_gets_no_link_for_a_first_one(sqlite_app, people):
    assert links.prepare_first_admin(sqlite_app) is None


def test_the_terminal_acts_as_an_administrator_who_has_begun(sqlite_app, people):
    users.add_user(sqlite_app, None, {"email": "a@b.example"}, is_admin=True)

    assert access.find_operator(sqlite_app) == people.admin


# Who may decide about whom


@pytest.fixture
def head(sqlite_app, people):
    """The administrator of another team, who meets the owner there."""
    made = organizations.create_organization(sqlite_app, people.admin, "Birds")
    person = users.add_user(sqlite_app, None, {"email": "head@birds.example"})
    for user_id, role in (
        (person.id, "administrator"),
        (people.owner.user_id, "guest"),
    ):
        members.add_member(sqlite_app, people.admin, made.id, user_id, role)
    organizations.select_organization(
        sqlite_app, access.find_user(sqlite_app, person.email), made.id
    )
    return access.find_user(sqlite_app, person.email)


def test_the_head_of_one_team_does_not_get_into_accounts_of_another(
    sqlite_app, people, head
):
    for act in (links.issue_link, users.deactivate_user, users.delete_user):
        with pytest.raises(NotAllowed, match="do not have permission"):
            act(sqlite_app, head, people.owner.user_id)
        with pytest.raises(NotAllowed, match="do not have permission"):
            act(sqlite_app, people.stranger, people.owner.user_id)
        with pytest.raises(NotFound, match="no user 99"):
            act(sqlite_app, people.admin, 99)
    with pytest.raises(NotAllowed, match="do not have permission"):
        users.add_user(sqlite_app, head, {"email": "x@birds.example"})


def test_the_head_of_all_teams_of_a_user_decides_about_them(sqlite_app, people, head):
    members.remove_member(sqlite_app, people.owner, 1, people.owner.user_id)

    link = links.issue_link(sqlite_app, head, people.owner.user_id)

    assert links.use_link(sqlite_app, link.token, NEW).principal == people.owner


# Kept out


def test_who_is_deactivated_is_out_at_once_and_comes_back_without_tokens(app, people):
    user = people.owner
    login = access.open_session(app, user.email, "owner-password")
    token = create_key(app, user, TokenWish())[1]
    link = links.issue_link(app, None, user.user_id)

    users.deactivate_user(app, people.admin, user.user_id)

    assert not is_in(app, login)
    with pytest.raises(NotAuthenticated, match="Invalid token"):
        access.authenticate(app, token)
    with pytest.raises(NotAuthenticated, match="wrong"):
        access.log_in(app, user.email, "owner-password")
    with pytest.raises(NotFound, match="not good any more"):
        links.look_at_link(app, link.token)
    with pytest.raises(InvalidInput, match="not active"):
        links.issue_link(app, None, user.user_id)
    users.activate_user(app, people.admin, user.user_id)
    assert access.log_in(app, user.email, "owner-password") == user
    assert not is_in(app, login)
    with pytest.raises(NotAuthenticated, match="Invalid token"):
        access.authenticate(app, token)


def test_the_last_administrator_of_the_installation_stays(app, people):
    for act in (users.deactivate_user, users.delete_user):
        with pytest.raises(Conflict, match="last administrator of the installation"):
            act(app, None, people.admin.user_id)


def test_invitations_end_with_the_right_to_invite(sqlite_app, people):
    members.change_member(
        sqlite_app, people.admin, 1, people.owner.user_id, "administrator"
    )
    wish = InvitationWish(uses=None)
    first = invitations.create_invitation(sqlite_app, people.owner, 1, wish)[1]

    members.change_member(sqlite_app, people.admin, 1, people.owner.user_id, "member")

    with pytest.raises(NotFound, match="not good any more"):
        accepting.look_at_invitation(sqlite_app, first)


# Deleted


def test_what_a_deleted_user_made_stays_and_their_projects_have_an_owner(app, people):
    user = people.owner
    made = projects.create_project(app, user, {"title": "Birds"})
    shared = projects.create_project(app, user, {"title": "Shared"})
    project_members.add_project_member(
        app, user, shared.id, people.stranger.user_id, "owner"
    )
    task = tasks.create_task(app, user, made.id, {"text": "hoot"})
    annotation = create_annotation(app, user, task.id, {"result": []})
    token = create_key(app, user, TokenWish())[1]

    users.delete_user(app, people.admin, user.user_id)

    found, _ = project_members.list_project_members(app, people.admin, made.id)
    assert [(m.person.id, m.role) for m in found] == [
        (people.admin.user_id, Role.OWNER)
    ]
    left, _ = project_members.list_project_members(app, people.admin, shared.id)
    assert [m.person.id for m in left] == [people.stranger.user_id]
    kept = tasks.get_task(app, people.admin, task.id).annotations[0]
    assert (kept.id, kept.completed_by_id) == (annotation.id, user.user_id)
    name = access.load_user_names(app, {user.user_id})[user.user_id]
    assert (name.first_name, name.last_name) == ("Deleted", "user")
    assert "owner" not in name.email
    with pytest.raises(NotAuthenticated, match="Invalid token"):
        access.authenticate(app, token)
    with pytest.raises(NotFound, match="no user"):
        users.activate_user(app, people.admin, user.user_id)
    again = access.create_user(app, user.email, "owner-password")
    assert again.user_id != user.user_id
    assert projects.list_projects(app, again) == ([], 0)


def test_a_name_can_be_kept(sqlite_app, people):
    user = people.owner.user_id
    users.change_user(
        sqlite_app, people.owner, user, {"first_name": "Ada", "last_name": "L"}
    )

    users.delete_user(sqlite_app, None, user, keeps_name=True)

    name = access.load_user_names(sqlite_app, {user})[user]
    assert (name.first_name, name.last_name) == ("Ada", "L")
    assert people.owner.email not in {u.email for u in users.list_accounts(sqlite_app)}


def test_a_team_with_members_does_not_lose_its_last_administrator(
    sqlite_app, people, head
):
    for admin in (people.admin,):
        members.remove_member(sqlite_app, admin, 2, admin.user_id)

    with pytest.raises(Conflict, match="last administrator of the organization"):
        users.delete_user(sqlite_app, None, head.user_id)

    members.remove_member(sqlite_app, people.owner, 2, people.owner.user_id)
    users.delete_user(sqlite_app, None, head.user_id)
    assert organizations.get_organization(sqlite_app, people.admin, 2).members == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "none"}, "email"),
        ({"email": 5}, "email"),
        ({"email": "a@b", "first_name": "x" * 151}, "first_name"),
        ({"email": "a@b", "last_name": "\0"}, "last_name"),
    ],
)
def test_a_user_that_cannot_be_is_refused(sqlite_app, people, values, field):
    with pytest.raises(InvalidInput) as caught:
        users.add_user(sqlite_app, people.admin, values)

    assert field in {caught.value.field, *(p.field for p in caught.value.problems)}


# Invitations


def test_an_invitation_leads_into_the_team_and_its_projects(app, people):
    made = projects.create_project(app, people.admin, {"title": "Birds"})
    wish = read_wish(
        {
            "email": "New@example.org",
            "role": "guest",
            "projects": [{"project": made.id, "role": "annotator"}],
        }
    )
    view, token = invitations.create_invitation(app, people.admin, 1, wish)
    glimpse = accepting.look_at_invitation(app, token)

    login = accepting.sign_up(app, token, {**NEW, "email": "other@example.org"})

    assert (glimpse.email, glimpse.projects) == (
        "new@example.org",
        (("Birds", "annotator"),),
    )
    assert login.principal.email == "new@example.org"
    assert is_in(app, login)
    assert projects.get_project(app, login.principal, made.id) == made
    member = members.get_member(app, people.admin, 1, login.principal.user_id)
    assert member.role is OrganizationRole.GUEST
    used = invitations.list_invitations(app, people.admin, 1)[0]
    assert (used.id, used.uses, used.is_open) == (view.id, 1, False)
    with pytest.raises(NotFound, match="not good any more"):
        accepting.sign_up(app, token, NEW)
    with app.database.read() as session:
        assert token not in session.exec(select(Invitation)).one().model_dump_json()


def test_an_invitation_has_as_many_uses_as_it_says_however_many_come(app, people):
    wish = InvitationWish(uses=2)
    _, token = invitations.create_invitation(app, people.admin, 1, wish)

    def come(number):
        values = {**NEW, "email": f"{number}@example.org"}
        return lambda: accepting.sign_up(app, token, values)

    outcomes = run_at_once(*map(come, range(4)))

    assert sum(isinstance(o, access.Login) for o in outcomes) == 2
    assert sum(isinstance(o, NotFound) for o in outcomes) == 2
    assert access.count_users(app) == 3 + 2


def test_who_has_an_account_joins_as_who_they_are(sqlite_app, people):
    made = organizations.create_organization(sqlite_app, people.admin, "Birds")
    bound = InvitationWish(email=people.owner.email)
    _, token = invitations.create_invitation(sqlite_app, people.admin, made.id, bound)

    with pytest.raises(NotAllowed, match=r"is for owner@example\.org"):
        accepting.accept_invitation(sqlite_app, people.stranger, token)
    with pytest.raises(Conflict, match=r"account for owner@example\.org already"):
        accepting.sign_up(sqlite_app, token, NEW)
    accepting.accept_invitation(sqlite_app, people.owner, token)

    known = organizations.list_organizations(sqlite_app, people.owner)
    assert [each.title for each in known] == ["Labeldock", "Birds"]
    again = invitations.create_invitation(
        sqlite_app, people.admin, made.id, InvitationWish(OrganizationRole.GUEST)
    )[1]
    accepting.accept_invitation(sqlite_app, people.owner, again)
    assert (
        organizations.list_organizations(sqlite_app, people.owner)[1].role == "member"
    )


def test_an_invitation_is_revoked_and_ends(sqlite_app, people):
    view, token = invitations.create_invitation(
        sqlite_app, people.admin, 1, InvitationWish()
    )
    other = invitations.create_invitation(
        sqlite_app, people.admin, 1, InvitationWish(days=1)
    )[1]
    with sqlite_app.database.write() as session:
        rows = session.exec(select(Invitation).where(Invitation.id != view.id))
        rows.one().expires_at = utc_now()
    invitations.revoke_invitation(sqlite_app, people.admin, 1, view.id)

    for each in (token, other, "unknown"):
        with pytest.raises(NotFound, match="not good any more"):
            accepting.accept_invitation(sqlite_app, people.owner, each)
    with pytest.raises(NotFound, match="no invitation 99"):
        invitations.revoke_invitation(sqlite_app, people.admin, 1, 99)
    with pytest.raises(NotAllowed, match="do not have permission"):
        invitations.create_invitation(sqlite_app, people.owner, 1, InvitationWish())


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "none"}, "email"),
        ({"role": "boss"}, "role"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 91}, "expires_in_days"),
        ({"uses_limit": True}, "uses_limit"),
        ({"projects": {}}, None),
        ({"projects": "x"}, "projects"),
        ({"projects": [{"project": "x", "role": "owner"}]}, "projects"),
        ({"projects": [{"project": 1, "role": "boss"}]}, "role"),
        ({"projects": [{"project": 999, "role": "owner"}]}, "projects"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(sqlite_app, people, values, field):
    if field is None:
        assert read_wish(values).projects == {}
        return
    with pytest.raises(InvalidInput) as caught:
        invitations.create_invitation(sqlite_app, people.admin, 1, read_wish(values))

    assert field in {caught.value.field, *(p.field for p in caught.value.problems)}


def test_who_signed_up_with_any_address_owns_it_after_a_link_alone(sqlite_app, people):
    _, token = invitations.create_invitation(
        sqlite_app, people.admin, 1, InvitationWish()
    )
    login = accepting.sign_up(sqlite_app, token, {**NEW, "email": "boss@example.org"})
    _, theirs = create_key(sqlite_app, login.principal, TokenWish())
    with sqlite_app.database.write() as session:
        session.add(
            Identity(user_id=login.principal.user_id, issuer="https://i", subject="s")
        )
    link = links.issue_link(sqlite_app, None, login.principal.user_id)

    links.use_link(sqlite_app, link.token, {"password": "the real password"})

    assert not is_in(sqlite_app, login)
    with pytest.raises(NotAuthenticated, match="Invalid token"):
        access.authenticate(sqlite_app, theirs)
    with sqlite_app.database.read() as session:
        assert session.exec(select(Identity)).all() == []
        assert session.get_one(User, login.principal.user_id).email_confirmed


# Guessing


def test_processes_count_failed_logins_together(app):
    limits = {"account x": 3, "address 10.0.0.1": 100}
    other = AppContext(Settings(), app.database, app.catalog, app.vault)

    waits = [take_attempt(each, limits) for each in (app, other) * 2]

    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 300
    give_back_attempt(other, limits)
    assert take_attempt(app, limits) == 0
    assert take_attempt(app, {"account y": 3, "address 10.0.0.1": 100}) == 0


def test_attempts_at_once_are_all_counted(app):
    limits = {"account x": 5}

    waits = run_at_once(*[lambda: take_attempt(app, limits)] * 8)

    assert [wait for wait in waits if wait == 0] == [0] * 5

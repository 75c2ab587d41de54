"""Teams own projects; who is in one sees nothing of another."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract import Conflict, InvalidInput, NotAllowed, NotFound
from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Membership
from labeldock.services import access, projects, tasks
from labeldock.services import people as directory
from labeldock.services.access import OrganizationRole, Permission, Role
from labeldock.services.accounts import members, organizations, project_members
from labeldock.services.accounts.effective import explain_permissions
from labeldock.services.projects import ProjectFilter
from tests.core.concurrency import run_at_once

ADMINISTRATOR, MEMBER, GUEST = OrganizationRole


def enter(app, organization_id, role, email):
    """A new user who is in one organisation alone."""
    user = access.create_user(app, email, "long enough")
    with app.database.write() as session:
        row = session.exec(
            select(OrganizationMember).where(OrganizationMember.user_id == user.user_id)
        ).one()
        session.delete(row)
        session.flush()
        session.add(
            OrganizationMember(
                organization_id=organization_id, user_id=user.user_id, role=role.value
            )
        )
    return user


def give(app, project_id, user, role):
    with app.database.write() as session:
        session.add(
            Membership(project_id=project_id, user_id=user.user_id, role=role.value)
        )


@pytest.fixture
def team(sqlite_app, people):
    """Another organisation, with one user of each role."""
    made = organizations.create_organization(sqlite_app, people.admin, "Birds")
    for role in OrganizationRole:
        enter(sqlite_app, made.id, role, f"{role.value}@birds.example")
    return made


@pytest.fixture
def birds(sqlite_app, team):
    """Its users by their role."""
    return {
        role: access.find_user(sqlite_app, f"{role.value}@birds.example")
        for role in OrganizationRole
    }


@pytest.fixture
def project(sqlite_app, team, birds):
    """A project of its administrator, made where they are alone."""
    return projects.create_project(sqlite_app, birds[ADMINISTRATOR], {"title": "Owls"})


def test_there_is_one_organisation_from_the_start(app, people):
    first = organizations.get_organization(app, people.owner, 1)

    assert (first.id, first.title, first.role) == (1, "Labeldock", MEMBER)
    assert organizations.list_organizations(app, people.owner) == [first]
    assert first.members == 3


def test_a_project_is_in_the_active_organisation_of_who_makes_it(
    sqlite_app, people, team
):
    first = projects.create_project(sqlite_app, people.admin, {})
    organizations.select_organization(sqlite_app, people.admin, team.id)
    admin = access.find_user(sqlite_app, people.admin.email)
    second = projects.create_project(sqlite_app, admin, {})
    third = projects.create_project(sqlite_app, admin, {}, organization_id=1)

    assert [p.organization_id for p in (first, second, third)] == [1, team.id, 1]
    of_team = ProjectFilter(organization_id=team.id)
    found, _ = projects.list_projects(sqlite_app, admin, chosen=of_team)
    assert found == [second]


def test_who_is_in_another_organisation_sees_nothing(
    sqlite_app, people, owner, team, project, birds
):
    missing = project.id + 1000
    task = tasks.create_task(
        sqlite_app, birds[ADMINISTRATOR], project.id, {"text": "hoot"}
    )
    for act, there, gone in (
        (projects.get_project, project.id, missing),
        (projects.delete_project, project.id, missing),
        (tasks.get_task, task.id, missing),
        (organizations.get_organization, team.id, missing),
        (directory.get_person, birds[MEMBER].user_id, missing),
    ):
        texts = []
        for number in (there, gone):
            with pytest.raises(NotFound) as caught:
                act(sqlite_app, owner, number)
            texts.append(str(caught.value).replace(str(number), "N"))
        assert texts[0] == texts[1], act
    assert projects.list_projects(sqlite_app, owner) == ([], 0)
    known = {person.email for person in directory.list_people(sqlite_app, owner)}
    assert known == {f"{n}@example.org" for n in ("admin", "owner", "stranger")}


def test_a_role_in_a_project_counts_only_inside_its_organisation(
    sqlite_app, owner, project
):
    give(sqlite_app, project.id, owner, Role.OWNER)

    with pytest.raises(NotFound, match="does not exist"):
        projects.get_project(sqlite_app, owner, project.id)
    assert projects.list_projects(sqlite_app, owner) == ([], 0)


def test_administrators_own_all_projects_of_their_organisation_and_no_other(
    sqlite_app, people, team, birds
):
    of_member = projects.create_project(sqlite_app, birds[MEMBER], {})
    elsewhere = projects.create_project(sqlite_app, people.owner, {})
    head = birds[ADMINISTRATOR]

    with sqlite_app.database.read() as session:
        for permission in Permission:
            access.require(session, head, of_member.id, permission)
    assert [p.id for p in projects.list_projects(sqlite_app, head)[0]] == [of_member.id]
    with pytest.raises(NotFound, match="does not exist"):
        projects.get_project(sqlite_app, head, elsewhere.id)


def test_a_member_is_told_of_projects_and_a_guest_is_not(sqlite_app, project, birds):
    with pytest.raises(NotAllowed, match="do not have permission"):
        projects.get_project(sqlite_app, birds[MEMBER], project.id)
    with pytest.raises(NotFound, match="does not exist"):
        projects.get_project(sqlite_app, birds[GUEST], project.id)

    give(sqlite_app, project.id, birds[GUEST], Role.ANNOTATOR)

    assert projects.get_project(sqlite_app, birds[GUEST], project.id) == project
    guest_knows = directory.list_people(sqlite_app, birds[GUEST])
    assert [person.id for person in guest_knows] == [
        birds[ADMINISTRATOR].user_id,
        birds[GUEST].user_id,
    ]


def test_guests_make_no_projects_and_see_no_members(sqlite_app, team, birds):
    guest = birds[GUEST]

    with pytest.raises(NotAllowed, match="may not create projects"):
        projects.create_project(sqlite_app, guest, {})
    with pytest.raises(NotAllowed, match="do not have permission"):
        projects.create_project(sqlite_app, guest, {}, organization_id=team.id)
    with pytest.raises(NotFound, match="Organization 1 does not exist"):
        projects.create_project(sqlite_app, guest, {}, organization_id=1)
    with pytest.raises(NotAllowed, match="do not have permission"):
        members.list_members(sqlite_app, guest, team.id)


def test_only_administrators_of_the_installation_make_organisations(
    sqlite_app, birds, team, project, people
):
    with pytest.raises(NotAllowed, match="do not have permission"):
        organizations.create_organization(sqlite_app, birds[ADMINISTRATOR], "Mine")
    with pytest.raises(InvalidInput, match="1 to 100 characters"):
        organizations.create_organization(sqlite_app, people.admin, " ")
    with pytest.raises(Conflict, match="has 1 projects"):
        organizations.delete_organization(sqlite_app, people.admin, team.id)

    projects.delete_project(sqlite_app, birds[ADMINISTRATOR], project.id)
    organizations.delete_organization(sqlite_app, people.admin, team.id)

    with pytest.raises(Conflict, match="only organization"):
        organizations.delete_organization(sqlite_app, people.admin, 1)
    assert access.find_user(sqlite_app, birds[MEMBER].email)


def test_members_are_added_changed_and_removed(sqlite_app, people, team, birds):
    head = birds[ADMINISTRATOR]
    added = members.add_member(
        sqlite_app, people.admin, team.id, people.owner.user_id, "guest"
    )
    with pytest.raises(NotAllowed, match="do not have permission"):
        members.add_member(sqlite_app, head, team.id, people.stranger.user_id, "guest")
    with pytest.raises(Conflict, match="member already"):
        members.add_member(
            sqlite_app, people.admin, team.id, people.owner.user_id, "guest"
        )
    changed = members.change_member(
        sqlite_app, head, team.id, people.owner.user_id, "member"
    )
    with pytest.raises(InvalidInput, match="no such role"):
        members.change_member(sqlite_app, head, team.id, people.owner.user_id, "boss")
    with pytest.raises(NotAllowed, match="do not have permission"):
        members.remove_member(sqlite_app, birds[MEMBER], team.id, people.owner.user_id)
    made = projects.create_project(
        sqlite_app, people.owner, {}, organization_id=team.id
    )
    members.remove_member(sqlite_app, people.owner, team.id, people.owner.user_id)

    assert (added.role, changed.role) == (GUEST, MEMBER)
    found, total = members.list_members(sqlite_app, head, team.id, limit=2)
    assert (len(found), total) == (2, 4)
    with pytest.raises(NotFound, match="does not exist"):
        projects.get_project(sqlite_app, people.owner, made.id)
    heirs, _ = project_members.list_project_members(sqlite_app, head, made.id)
    assert {m.person.id for m in heirs if m.role is Role.OWNER} == {
        head.user_id,
        people.admin.user_id,
    }


def test_the_last_administrator_of_an_organisation_stays(app, people):
    made = organizations.create_organization(app, people.admin, "Owls")
    head = people.admin.user_id
    second = people.owner.user_id

    with pytest.raises(Conflict, match="last administrator of the organization"):
        members.remove_member(app, people.admin, made.id, head)
    members.add_member(app, people.admin, made.id, second, "administrator")
    outcomes = run_at_once(
        lambda: members.change_member(app, people.admin, made.id, head, "member"),
        lambda: members.change_member(app, people.owner, made.id, second, "member"),
    )

    assert [type(o) for o in outcomes].count(Conflict) == 1


def test_project_members_are_added_changed_and_removed(
    sqlite_app, project, birds, people
):
    head, member = birds[ADMINISTRATOR], birds[MEMBER]
    args = (sqlite_app, head, project.id)
    added = project_members.add_project_member(*args, member.user_id, "manager")
    with pytest.raises(Conflict, match="member already"):
        project_members.add_project_member(*args, member.user_id, "viewer")
    with pytest.raises(InvalidInput, match="in the project's organization"):
        project_members.add_project_member(*args, people.owner.user_id, "viewer")
    with pytest.raises(InvalidInput, match="no such role"):
        project_members.add_project_member(*args, birds[GUEST].user_id, "king")

    assert added.role is Role.MANAGER
    as_manager = (sqlite_app, member, project.id)
    guest = birds[GUEST].user_id
    project_members.add_project_member(*as_manager, guest, "viewer")
    with pytest.raises(NotAllowed, match="Only owners"):
        project_members.change_project_member(*as_manager, guest, "owner")
    with pytest.raises(NotAllowed, match="Only owners"):
        project_members.remove_project_member(*as_manager, head.user_id)
    with pytest.raises(Conflict, match="last owner"):
        project_members.remove_project_member(*args, head.user_id)
    as_guest = (sqlite_app, birds[GUEST], project.id)
    with pytest.raises(NotAllowed, match="do not have permission"):
        project_members.remove_project_member(*as_guest, member.user_id)
    project_members.remove_project_member(*as_guest, guest)
    found, total = project_members.list_project_members(*args)
    assert ([m.person.id for m in found], total) == ([head.user_id, member.user_id], 2)


def test_a_project_keeps_an_owner_whoever_leaves_at_the_same_time(app, people):
    made = projects.create_project(app, people.owner, {})
    owner, other = people.owner.user_id, people.stranger.user_id
    project_members.add_project_member(app, people.owner, made.id, other, "owner")

    outcomes = run_at_once(
        lambda: project_members.remove_project_member(
            app, people.owner, made.id, owner
        ),
        lambda: project_members.remove_project_member(
            app, people.stranger, made.id, other
        ),
    )

    assert [type(o) for o in outcomes].count(Conflict) == 1
    _, total = project_members.list_project_members(app, people.admin, made.id)
    assert total == 1


def test_permissions_are_told_with_every_reason(sqlite_app, people, project, birds):
    head, member = birds[ADMINISTRATOR], birds[MEMBER]
    give(sqlite_app, project.id, member, Role.ANNOTATOR)

    own = explain_permissions(sqlite_app, member, project.id)
    of_head = explain_permissions(sqlite_app, people.admin, project.id, head.user_id)
    of_admin = explain_permissions(sqlite_app, people.admin, project.id)

    assert own.permissions == (Permission.VIEW, Permission.ANNOTATE)
    assert [(g.because, g.role) for g in own.grants] == [("project_role", "annotator")]
    assert [g.because for g in of_head.grants] == ["project_role", "organization_role"]
    assert of_head.permissions == tuple(Permission)
    assert "installation_admin" in [grant.because for grant in of_admin.grants]
    with pytest.raises(NotAllowed, match="do not have permission"):
        explain_permissions(sqlite_app, member, project.id, head.user_id)
    with pytest.raises(NotFound, match="no user"):
        explain_permissions(sqlite_app, head, project.id, people.owner.user_id)

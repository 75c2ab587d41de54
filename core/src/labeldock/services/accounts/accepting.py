"""Accepting an invitation: as somebody who has an account, or as somebody new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, or_, select, update

from labeldock.contract.errors import Conflict, InvalidInput, NotAllowed, NotFound
from labeldock.contract.values import Problem
from labeldock.db.accounts import Invitation, Organization, OrganizationMember
from labeldock.db.columns import utc_now
from labeldock.db.tables import Membership, Project, User
from labeldock.services import access
from labeldock.services.access import Login, NewUser, OrganizationRole, Principal
from labeldock.services.accounts.links import hash_link
from labeldock.services.accounts.members import insert_member, lock_organization
from labeldock.services.accounts.notes import note_organization, note_user
from labeldock.services.accounts.users import check_names
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.quotas import Limit, require_room


@dataclass(frozen=True, slots=True)
class InvitationGlimpse:
    """What somebody who holds an invitation is shown of it."""

    organization_title: str
    role: OrganizationRole
    email: str | None
    projects: tuple[tuple[str, str], ...]


def look_at_invitation(app: AppContext, token: str) -> InvitationGlimpse:
    """What an invitation is to, without using it.

    Raises:
        NotFound: it was never made, is used up or revoked, or has expired.
    """
    with app.database.read() as session:
        row = load_open(session, token)
        organization = session.get_one(Organization, row.organization_id)
        numbers = [int(number) for number in row.projects]
        query = select(Project).where(col(Project.id).in_(numbers))
        projects = session.exec(query.order_by(col(Project.id))).all()
        return InvitationGlimpse(
            organization_title=organization.title,
            role=OrganizationRole(row.role),
            email=row.email,
            projects=tuple((p.title, row.projects[str(p.id)]) for p in projects),
        )


def accept_invitation(app: AppContext, principal: Principal, token: str) -> None:
    """Join an organisation; roles that somebody has already stay as they are.

    Raises:
        NotFound: as `look_at_invitation` says.
        NotAllowed: it is for another address.
    """

    def use_case(session: Session) -> None:
        row = load_open(session, token)
        if row.email not in {None, principal.email}:
            raise NotAllowed(
                f"This invitation is for {row.email}.",
                remedy="Log out, and open it again as that user.",
            )
        user = session.get_one(User, principal.user_id)
        if session.get(OrganizationMember, (row.organization_id, user.id)) is None:
            connection = session.connection()
            require_room(app, connection, row.organization_id, Limit.MEMBERS)
        join(session, principal, user, row)

    app.database.transact(use_case)


def sign_up(app: AppContext, token: str, values: Mapping[str, Any]) -> Login:
    """Make an account with an invitation, and log in.

    Args:
        app: the parts.
        token: the invitation's.
        values: `email` (left out where the invitation is for one), `password`, names.

    Raises:
        NotFound: as `look_at_invitation` says.
        InvalidInput: a value cannot be used.
        Conflict: there is an account with this address; they have to log in.
    """
    bound = look_at_invitation(app, token).email
    new = _read_user(bound, values)

    def use_case(session: Session) -> Login:
        row = load_open(session, token)
        # First: a new row that refers to it would have many wait for one another.
        lock_organization(session, row.organization_id)
        require_room(app, session.connection(), row.organization_id, Limit.MEMBERS)
        role = OrganizationRole(row.role)
        user = access.insert_user(session, new, row.organization_id, role)
        principal = access.build_principal(user)
        note_user(session, principal, Action.USER_CREATED, user.id, email=user.email)
        join(session, principal, user, row)
        return Login(principal, access.find_stamp(app, user))

    try:
        with access.refuse_taken(new.address):
            return app.database.transact(use_case)
    except Conflict:
        raise Conflict(
            f"There is an account for {new.address} already.",
            field="email",
            remedy="Log in, and open the invitation again.",
        ) from None


def load_open(session: Session, token: str) -> Invitation:
    """The row of an invitation that can be accepted.

    Raises:
        NotFound: it was never made, is used up or revoked, or has expired.
    """
    query = select(Invitation).where(Invitation.token_hash == hash_link(token))
    row = session.exec(query.where(*_is_open())).first()
    if row is None:
        raise _no_such_invitation()
    return row


def join(
    session: Session, principal: Principal, user: User, invitation: Invitation
) -> None:
    """Give a user what an invitation promises, and count that.

    Raises:
        NotFound: others have used it up meanwhile.
    """
    organization_id = invitation.organization_id
    lock_organization(session, organization_id)
    counted = session.execute(
        update(Invitation)
        .where(col(Invitation.id) == invitation.id, *_is_open())
        .values(uses=col(Invitation.uses) + 1)
    )
    if counted.rowcount != 1:  # type: ignore[attr-defined]  # of a cursor
        raise _no_such_invitation()
    if session.get(OrganizationMember, (organization_id, user.id)) is None:
        role = OrganizationRole(invitation.role)
        insert_member(session, organization_id, user, role)
        session.flush()
    for number, role_name in invitation.projects.items():
        _give_role(session, organization_id, int(number), user.id, role_name)
    note_organization(
        session,
        principal,
        Action.INVITATION_ACCEPTED,
        organization_id,
        invitation=invitation.id,
        user=user.id,
        role=invitation.role,
    )


def _give_role(
    session: Session, organization_id: int, project_id: int, user_id: int, role: str
) -> None:
    """A role in a project, if that is still there and they have none."""
    project = session.get(Project, project_id)
    if project is None or project.organization_id != organization_id:
        return
    if session.get(Membership, (project_id, user_id)) is None:
        session.add(Membership(project_id=project_id, user_id=user_id, role=role))


def _is_open() -> tuple[Any, ...]:  # conditions on an invitation
    limit = col(Invitation.uses_limit)
    return (
        col(Invitation.revoked_at).is_(None),
        col(Invitation.expires_at) > utc_now(),
        or_(limit.is_(None), col(Invitation.uses) < limit),
    )


def _read_user(bound: str | None, values: Mapping[str, Any]) -> NewUser:
    email, password = bound or values.get("email"), values.get("password")
    problems: list[Problem] = []
    problems += access.check_address(email if isinstance(email, str) else "")
    problems += access.check_password(password if isinstance(password, str) else "")
    if problems:
        raise InvalidInput("This account cannot be made.", problems=problems)
    return NewUser(
        str(email),
        access.hash_password(str(password)),
        # Whoever invited an address vouches for it; with an open link, nobody does.
        email_confirmed=bound is not None,
        **check_names(values),
    )


def _no_such_invitation() -> NotFound:
    return NotFound(
        "This invitation is not good any more.",
        remedy="Ask whoever sent it for a new one.",
    )

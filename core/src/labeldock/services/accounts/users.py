"""User accounts: made, changed, deactivated, activated, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, delete, func, select, update

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.accounts import Identity, OneTimeLink, OrganizationMember
from labeldock.db.columns import utc_now
from labeldock.db.tables import Membership, Token, User
from labeldock.db.types import escape_text
from labeldock.services import access
from labeldock.services.access import NewUser, OrganizationRole, Principal
from labeldock.services.accounts.control import load_controlled, refuse_last_admin
from labeldock.services.accounts.handing_over import hand_over
from labeldock.services.accounts.members import (
    leave,
    lock_organization,
    refuse_last_head,
    revoke_invitations,
)
from labeldock.services.accounts.notes import note_user
from labeldock.services.accounts.organizations import require_admin
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.people import Person, view_person
from labeldock.services.quotas import Limit, require_room
from labeldock.services.scopes import Scope

LONGEST_NAME: Final = 150
_GONE: Final = "Deleted", "user"


@dataclass(frozen=True, slots=True)
class AccountView:
    """A user's account, for who decides about it."""

    id: int
    email: str
    first_name: str
    last_name: str
    is_admin: bool
    is_active: bool
    has_password: bool
    created_at: datetime
    last_activity: datetime | None


def list_accounts(app: AppContext) -> list[AccountView]:
    """All accounts, the inactive ones too; for the terminal."""
    query = select(User).where(col(User.deleted_at).is_(None)).order_by(col(User.id))
    with app.database.read() as session:
        return [_view(user) for user in session.exec(query)]


def find_account(app: AppContext, email: str) -> AccountView:
    """An account by its address, active or not.

    Raises:
        NotFound: nobody has it.
    """
    query = select(User).where(User.email == email.strip().lower())
    with app.database.read() as session:
        user = session.exec(query.where(col(User.deleted_at).is_(None))).first()
        if user is None:
            raise NotFound(
                f"There is no user {email}.",
                field="email",
                remedy="labeldock user list shows who there is.",
            )
        return _view(user)


def add_user(
    app: AppContext,
    principal: Principal | None,
    values: Mapping[str, Any],
    *,
    is_admin: bool = False,
) -> Person:
    """Add a user without a password; a one-time link lets them set one.

    Args:
        app: the parts.
        principal: who adds them; None is whoever sits at the terminal.
        values: `email`, `first_name`, `last_name`.
        is_admin: whether they administer the installation.

    Raises:
        NotAllowed: only administrators of the installation may; others invite.
        InvalidInput: a value cannot be used.
        Conflict: the address is taken.
        QuotaExceeded: the team that they begin in may not have more members.
    """
    if principal is not None:
        access.require_scope(principal, Scope.ADMIN)
        require_admin(principal)
    email = values.get("email")
    problems = access.check_address(email if isinstance(email, str) else "")
    if problems:
        raise InvalidInput("This user cannot be created.", problems=problems)
    new = NewUser(str(email), is_admin=is_admin, **check_names(values))
    role = OrganizationRole.ADMINISTRATOR if is_admin else OrganizationRole.MEMBER
    with access.refuse_taken(new.address), app.database.write() as session:
        home = access.find_active(session, principal) if principal else None
        home = home or access.find_first_organization(session)
        require_room(app, session.connection(), home, Limit.MEMBERS)
        user = access.insert_user(session, new, home, role)
        note_user(session, principal, Action.USER_CREATED, user.id, email=new.address)
        return view_person(user)


def change_user(
    app: AppContext, principal: Principal, user_id: int, values: Mapping[str, Any]
) -> Person:
    """Change somebody's names: one's own, or those that one decides about.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: a value cannot be used.
    """
    access.require_scope(principal, Scope.ADMIN)
    names = check_names(values)
    with app.database.write() as session:
        if user_id == principal.user_id:
            user = session.get_one(User, user_id)
        else:
            user = load_controlled(session, principal, user_id)
        for name, value in names.items():
            setattr(user, name, value)
        fields = sorted(names)
        note_user(session, principal, Action.USER_CHANGED, user_id, fields=fields)
        session.flush()
        return view_person(user)


def deactivate_user(app: AppContext, principal: Principal | None, user_id: int) -> None:
    """Keep somebody out: sessions end, and tokens, links and invitations are revoked.

    Their roles stay, for `activate_user`; they make new tokens then.

    Raises:
        NotFound, NotAllowed: as they say.
        Conflict: they are the last administrator of the installation.
    """

    def use_case(session: Session) -> None:
        user = load_controlled(session, principal, user_id)
        refuse_last_admin(session, user)
        _shut_out(session, user)
        note_user(session, principal, Action.USER_DEACTIVATED, user_id)

    app.database.transact(use_case)


def activate_user(app: AppContext, principal: Principal | None, user_id: int) -> None:
    """Let somebody in again.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        user = load_controlled(session, principal, user_id)
        user.is_active = True
        note_user(session, principal, Action.USER_ACTIVATED, user_id)


def delete_user(
    app: AppContext,
    principal: Principal | None,
    user_id: int,
    *,
    keeps_name: bool = False,
) -> None:
    """Delete an account for good. What they labelled stays, and so do their projects.

    Projects belong to the organisation; where they were the only owner, its
    administrators become owners. Annotations show "Deleted user" as their author, or
    the name, if it is to be kept; the address is free for somebody else.

    Raises:
        NotFound, NotAllowed: as they say.
        Conflict: they are the last administrator of the installation, or of an
            organisation that has other members.
    """

    def use_case(session: Session) -> None:
        user = load_controlled(session, principal, user_id)
        refuse_last_admin(session, user)
        members = session.exec(
            select(OrganizationMember)
            .where(OrganizationMember.user_id == user_id)
            .order_by(col(OrganizationMember.organization_id))
        ).all()
        for member in members:
            lock_organization(session, member.organization_id)
            _refuse_leaderless(session, member)
            hand_over(session, user_id, member.organization_id)
            leave(session, user, member)
        _shut_out(session, user)
        session.execute(delete(Identity).where(col(Identity.user_id) == user_id))
        session.execute(delete(Membership).where(col(Membership.user_id) == user_id))
        note_user(session, principal, Action.USER_DELETED, user_id)
        _blank(user, keeps_name=keeps_name)

    app.database.transact(use_case)


def check_names(values: Mapping[str, Any]) -> dict[str, Any]:  # texts
    """The names among some values.

    Raises:
        InvalidInput: one is no text, or too long.
    """
    names = {n: values[n] for n in ("first_name", "last_name") if n in values}
    for field, name in names.items():
        is_text = isinstance(name, str) and escape_text(name) == name
        if not is_text or len(name) > LONGEST_NAME:
            raise InvalidInput(
                "Not a name.",
                field=field,
                remedy=f"Give text of at most {LONGEST_NAME} characters.",
            )
    return {field: name.strip() for field, name in names.items()}


def _shut_out(session: Session, user: User) -> None:
    """End all that lets somebody in, or would let in whom they choose."""
    now = utc_now()
    user.is_active = False
    user.session_epoch += 1
    session.execute(
        update(Token)
        .where(col(Token.user_id) == user.id, col(Token.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    is_theirs = col(OneTimeLink.user_id) == user.id
    has_made = col(OneTimeLink.created_by_id) == user.id
    session.execute(delete(OneTimeLink).where(is_theirs | has_made))
    revoke_invitations(session, user.id)


def _refuse_leaderless(session: Session, member: OrganizationMember) -> None:
    """An organisation with members keeps an administrator; an empty one may have none.

    Raises:
        Conflict: it would lose the last one.
    """
    if member.role != OrganizationRole.ADMINISTRATOR:
        return
    count = select(func.count()).select_from(OrganizationMember)
    is_of = OrganizationMember.organization_id == member.organization_id
    if session.exec(count.where(is_of)).one() > 1:
        refuse_last_head(session, member.organization_id, member.user_id)


def _blank(user: User, *, keeps_name: bool) -> None:
    if not (keeps_name and (user.first_name or user.last_name)):
        user.first_name, user.last_name = _GONE
    user.email = f"deleted-{user.id}@deleted.invalid"  # nobody can have such a one
    user.password_hash = ""
    user.is_admin = False
    user.active_organization_id = None
    user.deleted_at = utc_now()


def _view(user: User) -> AccountView:
    shown = set(AccountView.__slots__) - {"has_password"}
    return AccountView(
        **user.model_dump(include=shown), has_password=bool(user.password_hash)
    )

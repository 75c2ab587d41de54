"""Whose account it is that an OpenID provider speaks of."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from labeldock.contract.errors import LabeldockError, NotAuthenticated, NotFound
from labeldock.db.accounts import Identity, Invitation, Organization
from labeldock.db.columns import utc_now
from labeldock.db.tables import User
from labeldock.services import access
from labeldock.services.access import Login, NewUser, OrganizationRole, Principal
from labeldock.services.accounts.accepting import join, load_open
from labeldock.services.accounts.notes import note_user
from labeldock.services.accounts.openid.claims import Claims
from labeldock.services.auditing import Action
from labeldock.services.context import AppContext
from labeldock.services.logins import OPENID, note_refused_login
from labeldock.services.quotas import Limit, require_room

_ASK: Final = "Ask an administrator for an invitation."


def log_in_with_openid(
    app: AppContext, claims: Claims, invitation: str | None = None
) -> Login:
    """Log in whom the provider named: known, known by their address, or new.

    Args:
        app: the parts.
        claims: what the provider says.
        invitation: the token of one that somebody without an account came with.

    Raises:
        NotAuthenticated: there is no account, and none is made; or it is not active.
    """

    def use_case(session: Session) -> Login:
        user = _find_known(session, claims)
        if user is None:
            user = _find_by_address(app, session, claims)
            user = user or _create(app, session, claims, invitation)
            identity = Identity(
                user_id=user.id, issuer=claims.issuer, subject=claims.subject
            )
            session.add(identity)
        if not user.is_active:
            raise NotAuthenticated("This account is not active.")
        _note_use(session, claims)
        principal = access.build_principal(user)
        note_user(session, principal, Action.LOGIN, user.id, method=OPENID)
        return Login(principal, access.find_stamp(app, user))

    try:
        with access.refuse_taken(claims.email):
            return app.database.transact(use_case)
    except (LabeldockError, IntegrityError) as error:  # the latter: twice at once
        note_refused_login(app, OPENID, claims.email)
        if isinstance(error, NotAuthenticated):
            raise
        raise NotAuthenticated("This login did not succeed. Try again.") from error


def _find_known(session: Session, claims: Claims) -> User | None:
    query = (
        select(User)
        .join(Identity, col(Identity.user_id) == col(User.id))
        .where(Identity.issuer == claims.issuer, Identity.subject == claims.subject)
    )
    return session.exec(query).first()


def _find_by_address(app: AppContext, session: Session, claims: Claims) -> User | None:
    """The account with the same address, if it may become theirs.

    Raises:
        NotAuthenticated: the address is not verified, or of another domain, or it is
            that of an account that may not.
    """
    settings = app.settings
    if not claims.email:
        raise NotAuthenticated("The provider does not vouch for your e-mail address.")
    domain = claims.email.rpartition("@")[2]
    domains = {each.lower().removeprefix("@") for each in settings.openid_domains}
    if domains and domain not in domains:
        raise NotAuthenticated(f"Nobody comes in with an address of {domain}.")
    user = session.exec(select(User).where(User.email == claims.email)).first()
    if user is None:
        return None
    # Somebody may have signed up with an address that was never theirs, and would
    # share the account with its owner.
    if not settings.openid_link_users or not user.email_confirmed:
        raise NotAuthenticated(
            "There is an account with this address that is not connected.",
            remedy="Log in with its password, or ask an administrator for a link.",
        )
    return user


def _create(
    app: AppContext, session: Session, claims: Claims, invitation: str | None
) -> User:
    """A new account: by an invitation, or where the operator lets everybody in.

    Raises:
        NotAuthenticated: neither.
        QuotaExceeded: the team may not have more members.
    """
    new = NewUser(
        claims.email, first_name=claims.first_name, last_name=claims.last_name
    )
    if invitation is not None:
        row = _load_invitation(session, claims, invitation)
        role = OrganizationRole(row.role)
        require_room(app, session.connection(), row.organization_id, Limit.MEMBERS)
        user = access.insert_user(session, new, row.organization_id, role)
        principal = access.build_principal(user)
        join(session, principal, user, row)
    elif app.settings.openid_create_users:
        home = _find_organization(app, session)
        role = OrganizationRole(app.settings.openid_role)
        require_room(app, session.connection(), home, Limit.MEMBERS)
        user = access.insert_user(session, new, home, role)
        principal = access.build_principal(user)
    else:
        raise NotAuthenticated("There is no account for you here.", remedy=_ASK)
    _note_creation(session, principal)
    return user


def _load_invitation(session: Session, claims: Claims, token: str) -> Invitation:
    try:
        row = load_open(session, token)
    except NotFound as error:
        raise NotAuthenticated(error.message, remedy=_ASK) from error
    if row.email not in {None, claims.email}:
        raise NotAuthenticated(f"The invitation is for {row.email}.", remedy=_ASK)
    return row


def _find_organization(app: AppContext, session: Session) -> int:
    wanted = app.settings.openid_organization
    if wanted is None or session.get(Organization, wanted) is None:
        return access.find_first_organization(session)
    return wanted


def _note_creation(session: Session, principal: Principal) -> None:
    note_user(
        session,
        principal,
        Action.USER_CREATED,
        principal.user_id,
        email=principal.email,
        method=OPENID,
    )


def _note_use(session: Session, claims: Claims) -> None:
    session.flush()
    query = select(Identity).where(
        Identity.issuer == claims.issuer, Identity.subject == claims.subject
    )
    identity = session.exec(query).one()
    identity.email, identity.last_used_at = claims.email, utc_now()

"""The organisations that somebody is in, and the one that new projects go to."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import NotAllowed, NotFound
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.tables import User
from labeldock.services.access.principals import Principal
from labeldock.services.access.roles import OrganizationRole

MAKERS: Final = (OrganizationRole.ADMINISTRATOR, OrganizationRole.MEMBER)
"""The roles in which one may create projects."""


def require_organization(
    session: Session,
    principal: Principal,
    organization_id: int,
    *roles: OrganizationRole,
) -> OrganizationRole | None:
    """Check that somebody has one of these roles in an organisation.

    Returns:
        Their role; None for an administrator of the installation who has none.

    Raises:
        NotFound: there is no such organisation, or it is not theirs to know of.
        NotAllowed: they have another role.
    """
    role = find_role(session, principal, organization_id)
    if role is None and not _is_seen_by_admin(session, principal, organization_id):
        raise no_such_organization(organization_id)
    if not principal.is_admin and role not in roles:
        raise NotAllowed(
            "You do not have permission to perform this action.",
            remedy="Ask an administrator of the organisation.",
        )
    return role


def find_role(
    session: Session, principal: Principal, organization_id: int
) -> OrganizationRole | None:
    """Somebody's role in an organisation, if their token is good for it."""
    if principal.token_organization_id not in {None, organization_id}:
        return None
    key = (organization_id, principal.user_id)
    member = session.get(OrganizationMember, key)
    return OrganizationRole(member.role) if member else None


def find_home(
    session: Session, principal: Principal, organization_id: int | None = None
) -> int:
    """The organisation that a new project of somebody belongs to.

    Args:
        session: to look it up with.
        principal: who makes it.
        organization_id: where they want it; otherwise in their active organisation,
            or in the first in which they may make one.

    Raises:
        NotFound: there is no such organisation, or it is not theirs to know of.
        NotAllowed: they may not make projects there, or anywhere.
    """
    wanted = organization_id or principal.token_organization_id
    if wanted is not None:
        require_organization(session, principal, wanted, *MAKERS)
        return wanted
    query = (
        select(OrganizationMember.organization_id)
        .where(OrganizationMember.user_id == principal.user_id)
        .where(col(OrganizationMember.role).in_(MAKERS))
        .order_by(col(OrganizationMember.organization_id))
    )
    homes = session.exec(query).all()
    active = find_active(session, principal)
    if active is not None and (active in homes or principal.is_admin):
        return active
    if homes:
        return homes[0]
    raise NotAllowed(
        "You may not create projects in any organisation.",
        remedy="Ask an administrator of your organisation for the role of a member.",
    )


def find_active(session: Session, principal: Principal) -> int | None:
    """The organisation that somebody works in, as they or their token say."""
    if principal.token_organization_id is not None:
        return principal.token_organization_id
    # Not remembered with the caller: whoever changes it relies on it at once.
    query = select(User.active_organization_id).where(User.id == principal.user_id)
    return session.exec(query).first()


def _is_seen_by_admin(
    session: Session, principal: Principal, organization_id: int
) -> bool:
    if not principal.is_admin:
        return False
    if principal.token_organization_id not in {None, organization_id}:
        return False
    return session.get(Organization, organization_id) is not None


def no_such_organization(organization_id: int) -> NotFound:
    """The error for an organisation that is not there."""
    return NotFound(
        f"Organization {organization_id} does not exist.", field="organization"
    )

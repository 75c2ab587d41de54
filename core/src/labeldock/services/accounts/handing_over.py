"""What becomes of projects whose only owner leaves: the administrators own them."""

from __future__ import annotations

from sqlmodel import Session, col, select

from labeldock.db.accounts import OrganizationMember
from labeldock.db.tables import Membership, Project, User
from labeldock.services.access import OrganizationRole, Role


def hand_over(session: Session, user_id: int, organization_id: int) -> list[int]:
    """Make the administrators owners of the projects that nobody else owns.

    Returns:
        The numbers of those projects.
    """
    projects = _list_sole(session, user_id, organization_id)
    heads = session.exec(
        select(OrganizationMember.user_id)
        .join(User, col(User.id) == col(OrganizationMember.user_id))
        .where(OrganizationMember.organization_id == organization_id, User.is_active)
        .where(OrganizationMember.role == OrganizationRole.ADMINISTRATOR.value)
        .where(OrganizationMember.user_id != user_id)
    ).all()
    for project_id in projects:
        for head in heads:
            session.merge(
                Membership(project_id=project_id, user_id=head, role=Role.OWNER.value)
            )
    session.flush()
    return projects


def has_other_owner(session: Session, project_id: int, user_id: int) -> bool:
    """Whether an active user beside this one owns a project."""
    query = (
        select(Membership.user_id)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(Membership.project_id == project_id, User.is_active)
        .where(Membership.role == Role.OWNER.value, Membership.user_id != user_id)
    )
    return session.exec(query).first() is not None


def _list_sole(session: Session, user_id: int, organization_id: int) -> list[int]:
    owned = session.exec(
        select(Membership.project_id)
        .join(Project, col(Project.id) == col(Membership.project_id))
        .where(Project.organization_id == organization_id)
        .where(Membership.user_id == user_id, Membership.role == Role.OWNER.value)
        .order_by(col(Membership.project_id))
    ).all()
    return [each for each in owned if not has_other_owner(session, each, user_id)]

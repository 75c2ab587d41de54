"""What somebody may do in a project, and why."""

from __future__ import annotations

from dataclasses import dataclass

from labeldock.contract.errors import NotFound
from labeldock.db.tables import User
from labeldock.services import access
from labeldock.services.access import OrganizationRole, Permission, Principal, Role
from labeldock.services.context import AppContext
from labeldock.services.scopes import Scope


@dataclass(frozen=True, slots=True)
class Grant:
    """One reason for permissions; `role` is the one that gives them, if it is one."""

    because: str
    role: str | None
    permissions: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class EffectivePermissions:
    """What somebody may do in a project, every reason for it, and what takes it away.

    Attributes:
        user_id: whose.
        project_id: where.
        role: in the project.
        organization_role: in its organisation.
        is_admin: of the installation.
        permissions: what they may do; with the caller's token, if it is the caller.
        grants: why.
        scopes: what the caller's token is good for; None without such a limit.
    """

    user_id: int
    project_id: int
    role: Role | None
    organization_role: OrganizationRole | None
    is_admin: bool
    permissions: tuple[Permission, ...]
    grants: tuple[Grant, ...]
    scopes: tuple[Scope, ...] | None


def explain_permissions(
    app: AppContext, principal: Principal, project_id: int, user_id: int | None = None
) -> EffectivePermissions:
    """What the caller, or, for who manages the project, another user may do in it.

    Raises:
        NotFound: no such project, or no such user in its organisation.
        NotAllowed: the caller may not see the project, or not ask about others.
    """
    is_self = user_id in {None, principal.user_id}
    needed = Permission.VIEW if is_self else Permission.MANAGE
    with app.database.read() as session:
        standing = access.require(session, principal, project_id, needed)
        if is_self:
            return _explain(project_id, principal, standing)
        user = session.get(User, user_id)
        if user is None or not user.is_active:
            raise NotFound(f"There is no user {user_id}.", field="user")
        other = access.build_principal(user)
        theirs = access.find_standing(session, other, project_id)
        if theirs is None or (theirs.organization_role is None and not other.is_admin):
            raise NotFound(f"There is no user {user_id}.", field="user")
        return _explain(project_id, other, theirs)


def _explain(
    project_id: int, principal: Principal, standing: access.Standing
) -> EffectivePermissions:
    scopes = principal.scopes
    permitted = tuple(
        each
        for each in Permission
        if each in standing.permissions
        and (scopes is None or access.SCOPES[each] in scopes)
    )
    return EffectivePermissions(
        user_id=principal.user_id,
        project_id=project_id,
        role=standing.role,
        organization_role=standing.organization_role,
        is_admin=standing.is_admin,
        permissions=permitted,
        grants=tuple(_list_grants(standing)),
        scopes=None if scopes is None else tuple(s for s in Scope if s in scopes),
    )


def _list_grants(standing: access.Standing) -> list[Grant]:
    grants = []
    if standing.role is not None and standing.organization_role is not None:
        given = access.GRANTS[standing.role]
        permissions = tuple(each for each in Permission if each in given)
        grants.append(Grant("project_role", standing.role.value, permissions))
    if standing.organization_role is OrganizationRole.ADMINISTRATOR:
        role = standing.organization_role.value
        grants.append(Grant("organization_role", role, tuple(Permission)))
    if standing.is_admin:
        grants.append(Grant("installation_admin", None, tuple(Permission)))
    return grants

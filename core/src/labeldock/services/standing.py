"""What somebody may do in a project, told before they try."""

from __future__ import annotations

from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext


def list_permissions(
    app: AppContext, principal: Principal, project_id: int, *, needed: Permission
) -> frozenset[Permission]:
    """Everything that somebody may do in a project; it includes what is needed.

    Raises:
        NotFound: there is no such project, or none that they may know of.
        NotAllowed: what is needed is not among it.
    """
    with app.database.read() as session:
        return access.require(session, principal, project_id, needed).permissions

"""Saved views: which tasks of a project somebody wants to see, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, col, delete, func, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.types import dump_json
from labeldock.db.views import SavedView
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext

_LARGEST: Final = 100_000  # bytes of JSON
_MOST: Final = 1_000  # views of a project


@dataclass(frozen=True, slots=True)
class ViewView:
    """A saved view as it is shown; `data` is what a client made of it."""

    id: int
    project_id: int
    user_id: int | None
    data: dict[str, Any]
    position: int


def create_view(
    app: AppContext, principal: Principal, project_id: int, data: Mapping[str, Any]
) -> ViewView:
    """Save a view.

    Raises:
        InvalidInput: it is too large, or there are too many.
        NotFound, NotAllowed: as they say.
    """
    _check_size(data)
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.ANNOTATE)
        count = session.exec(
            select(func.count(col(SavedView.id))).where(
                SavedView.project_id == project_id
            )
        ).one()
        if count >= _MOST:
            raise InvalidInput(
                f"The project has {_MOST} views already.", remedy="Delete some."
            )
        row = SavedView(
            project_id=project_id,
            user_id=principal.user_id,
            data=dict(data),
            position=count,
        )
        session.add(row)
        session.flush()
        return _view(row)


def list_views(
    app: AppContext, principal: Principal, project_id: int
) -> list[ViewView]:
    """The views of a project, in their order.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        query = select(SavedView).where(SavedView.project_id == project_id)
        ordered = query.order_by(col(SavedView.position), col(SavedView.id))
        return [_view(row) for row in session.exec(ordered)]


def get_view(app: AppContext, principal: Principal, view_id: int) -> ViewView:
    """One view.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        return _view(_load(session, principal, view_id, Permission.VIEW))


def update_view(
    app: AppContext, principal: Principal, view_id: int, data: Mapping[str, Any]
) -> ViewView:
    """Change a view: what is given replaces what was there by the same name.

    Raises:
        InvalidInput: it is too large.
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        row = _load(session, principal, view_id, Permission.ANNOTATE)
        changed = {**row.data, **data}
        _check_size(changed)
        row.data = changed
        session.flush()
        return _view(row)


def remove_view(app: AppContext, principal: Principal, view_id: int) -> None:
    """Remove a view.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        session.delete(_load(session, principal, view_id, Permission.ANNOTATE))


def remove_views(app: AppContext, principal: Principal, project_id: int) -> None:
    """Remove all views of a project.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        session.execute(
            delete(SavedView).where(col(SavedView.project_id) == project_id)
        )


def _load(
    session: Session, principal: Principal, view_id: int, permission: Permission
) -> SavedView:
    missing = NotFound(f"View {view_id} does not exist.", field="view")
    row = session.get(SavedView, view_id)
    if row is None:
        raise missing
    access.require(session, principal, row.project_id, permission, hidden=missing)
    return row


def _check_size(data: Mapping[str, Any]) -> None:
    if len(dump_json(dict(data))) > _LARGEST:
        raise InvalidInput(f"Larger than {_LARGEST:,} bytes.", field="data")


def _view(row: SavedView) -> ViewView:
    return ViewView(row.id, row.project_id, row.user_id, row.data, row.position)

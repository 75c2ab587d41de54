"""Projects: the tasks that belong together, their label config and their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlmodel import Session, col, delete, func, or_, select

from labeldock.contract.errors import InvalidInput, NotAllowed, NotFound
from labeldock.contract.values import Problem
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, Membership, Project, Run, Task
from labeldock.db.types import escape_text
from labeldock.services import access, auditing
from labeldock.services.access import Permission, Principal, Role
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext
from labeldock.services.label_configs import check_label_config
from labeldock.services.project_interface import INTERFACE_FIELDS, check_interface
from labeldock.services.quotas import Limit, require_room
from labeldock.services.scopes import Scope
from labeldock.services.webhooks import outbox as messages


class ProjectFields(BaseModel):
    """What is asked of a project beside its interface; `_check_values` holds to it."""

    title: str = Field(min_length=3, max_length=50, description="Name shown to people.")
    description: str = Field(default="", description="Free text.")
    label_config: str = Field(
        default="", description="What is drawn, and what can be said, as XML."
    )
    maximum_annotations: int = Field(
        default=1, ge=1, lt=2**31, description="Annotations that finish a task."
    )


_OWN: Final = frozenset(ProjectFields.model_fields)
CHANGEABLE: Final = _OWN | INTERFACE_FIELDS


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project as it is shown."""

    id: int
    organization_id: int
    title: str
    description: str
    label_config: str
    maximum_annotations: int
    interface: dict[str, Any] | None
    created_by_id: int | None
    created_at: datetime
    updated_at: datetime
    task_number: int
    finished_task_number: int
    total_annotations_number: int
    total_predictions_number: int
    num_tasks_with_annotations: int
    useful_annotation_number: int
    ground_truth_number: int
    skipped_annotations_number: int


def create_project(
    app: AppContext,
    principal: Principal,
    values: Mapping[str, Any],
    *,
    organization_id: int | None = None,
) -> ProjectView:
    """Add a project; whoever creates it owns it, with the organisation's heads.

    Args:
        app: the parts.
        principal: who.
        values: the project's fields.
        organization_id: whose it is to be; otherwise the caller's active organisation.

    Raises:
        InvalidInput: a value cannot be used.
        NotFound, NotAllowed: as `access.find_home` says.
        QuotaExceeded: the team may not have more projects.
    """
    access.require_scope(principal, Scope.MANAGE)
    fields = _check_values({"title": "New project", **values})
    with app.database.write() as session:
        home = access.find_home(session, principal, organization_id)
        require_room(app, session.connection(), home, Limit.PROJECTS)
        project = Project(
            organization_id=home, created_by_id=principal.user_id, **fields
        )
        session.add(project)
        session.flush()
        session.add(
            Membership(
                project_id=project.id, user_id=principal.user_id, role=Role.OWNER
            )
        )
        _note(session, principal, Action.PROJECT_CREATED, project)
        _tell(session, project.id, messages.Action.PROJECT_CREATED)
        return _view(project)


def require_home(app: AppContext, principal: Principal) -> None:
    """Check that somebody may add a project somewhere, with the token that they use.

    Raises:
        NotFound, NotAllowed: they may not.
    """
    access.require_scope(principal, Scope.MANAGE)
    with app.database.read() as session:
        access.find_home(session, principal)


def may_create(app: AppContext, principal: Principal) -> bool:
    """Whether they may."""
    try:
        require_home(app, principal)
    except (NotAllowed, NotFound):
        return False
    return True


@dataclass(frozen=True, slots=True)
class ProjectFilter:
    """Which projects: those with these numbers, and these words in their title."""

    ids: tuple[int, ...] | None = None
    organization_id: int | None = None
    title: str = ""
    search: str = ""
    ordering: str = "-id"

    def apply(self, query: Any) -> Any:  # a select of Project
        """The query, narrowed and ordered.

        Raises:
            InvalidInput: there is no such ordering.
        """
        if self.ids is not None:
            query = query.where(col(Project.id).in_(self.ids))
        if self.organization_id is not None:
            query = query.where(Project.organization_id == self.organization_id)
        if self.title:
            query = query.where(_holds(Project.title, self.title))
        if self.search:
            texts = (Project.title, Project.description)
            query = query.where(or_(*(_holds(text, self.search) for text in texts)))
        name = self.ordering.removeprefix("-")
        if name not in _ORDERINGS:
            remedy = f"Use one of {', '.join(_ORDERINGS)}, with - for the reverse."
            message = f"Projects cannot be ordered by {name[:40]!r}."
            raise InvalidInput(message, field="ordering", remedy=remedy)
        column = col(getattr(Project, name))
        is_reverse = self.ordering.startswith("-")
        first = column.desc() if is_reverse else column.asc()
        return query.order_by(first, col(Project.id).desc())


_ORDERINGS: Final = ("id", "title", "created_at", "updated_at", "task_number")
EVERY_PROJECT: Final = ProjectFilter()


def _holds(column: Any, text: str) -> Any:  # of a table, and a condition on it
    return col(column).icontains(text, autoescape=True)


def list_projects(
    app: AppContext,
    principal: Principal,
    *,
    offset: int = 0,
    limit: int = 30,
    chosen: ProjectFilter = EVERY_PROJECT,
) -> tuple[list[ProjectView], int]:
    """One page of the projects that somebody may see, newest first, and how many.

    Raises:
        InvalidInput: they cannot be ordered so.
    """
    known = access.select_known(principal)
    visible = chosen.apply(select(Project).where(col(Project.id).in_(known)))
    with app.database.read() as session:
        total = session.exec(
            select(func.count()).select_from(visible.order_by(None).subquery())
        ).one()
        page = visible.offset(offset).limit(limit)
        return [_view(project) for project in session.exec(page)], total


def get_project(app: AppContext, principal: Principal, project_id: int) -> ProjectView:
    """One project.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        return _view(load_project(session, project_id))


def load_project(session: Session, project_id: int) -> Project:
    """The row of a project, for use inside a scope.

    Raises:
        NotFound: there is none.
    """
    project = session.get(Project, project_id)
    if project is None:
        raise access.no_such_project(project_id)
    return project


def update_project(
    app: AppContext, principal: Principal, project_id: int, values: Mapping[str, Any]
) -> ProjectView:
    """Change what is given, leave the rest.

    Raises:
        InvalidInput: a value cannot be used; nothing was changed.
    """
    fields = _check_values(values)
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        project = load_project(session, project_id)
        fields["interface"] = {**(project.interface or {}), **fields["interface"]}
        for name, value in fields.items():
            setattr(project, name, value)
        project.updated_at = utc_now()
        _note(session, principal, Action.PROJECT_CHANGED, project, fields=values)
        session.flush()
        _tell(session, project_id, messages.Action.PROJECT_UPDATED)
        return _view(project)


def delete_project(app: AppContext, principal: Principal, project_id: int) -> None:
    """Remove a project with its tasks, annotations and storages; buckets stay."""

    def use_case(session: Session) -> None:
        access.require(session, principal, project_id, Permission.OWN)
        project = load_project(session, project_id)
        _note(session, principal, Action.PROJECT_DELETED, project)
        _tell(session, project_id, messages.Action.PROJECT_DELETED)
        session.flush()
        # Whoever writes a page holds its run, so runs are taken first, as there.
        runs = select(Run.id).where(Run.project_id == project_id)
        session.exec(runs.order_by(col(Run.id)).with_for_update()).all()
        session.execute(
            delete(Annotation).where(col(Annotation.project_id) == project_id)
        )
        session.execute(delete(Task).where(col(Task.project_id) == project_id))
        session.execute(delete(Project).where(col(Project.id) == project_id))

    app.database.transact(use_case)


def _tell(session: Session, project_id: int, action: messages.Action) -> None:
    messages.note_project(session.connection(), project_id, action)


def _note(
    session: Session,
    principal: Principal,
    action: Action,
    project: Project,
    fields: Iterable[str] = (),
) -> None:
    details: dict[str, Any] = {"title": project.title}
    if names := sorted(CHANGEABLE & set(fields)):
        details["fields"] = names
    deed = Deed(action, "project", project.id, project_id=project.id, details=details)
    auditing.record(session, principal, deed)


def _check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {k: v for k, v in values.items() if k in _OWN and v is not None}
    interface, problems = check_interface(values)
    problems += [
        Problem(name, "Not a valid string.", "Give text without U+0000.")
        for name in ("title", "description", "label_config")
        if name in fields and not _is_text(fields[name])
    ]
    title = fields.get("title")
    if isinstance(title, str) and not 3 <= len(title.strip()) <= 50:
        problems.append(Problem("title", "Needs 3 to 50 characters.", code="length"))
    if not problems and str(fields.get("label_config", "")).strip():
        problems += _check_config(fields["label_config"])
    if "maximum_annotations" in fields:
        problems += _check_overlap(fields["maximum_annotations"])
    if problems:
        raise InvalidInput("The project cannot be saved.", problems=problems)
    return {**fields, "interface": interface}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and escape_text(value) == value


def _check_config(text: object) -> list[Problem]:
    try:
        check_label_config(text)
    except InvalidInput as error:
        return [Problem("label_config", error.message, error.remedy)]
    return []


def _check_overlap(value: object) -> list[Problem]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31:
        return []
    return [Problem("maximum_annotations", "Not a whole number of at least 1.")]


def _view(project: Project) -> ProjectView:
    return ProjectView(**project.model_dump(include=_SHOWN))


_SHOWN: Final = set(ProjectView.__slots__)

"""/api/dm/actions: what can be done with many tasks of a project at once.

Which tasks is said in the body, as clients of Label Studio's data manager say it. Views
are in `views`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NotRequired

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services import people, projects, task_actions
from labeldock.services.access import Permission
from labeldock.services.deleting import delete_tasks
from labeldock.services.task_selection import TaskSelection
from labeldock.web.api.references import ProjectQuery, read_project_id
from labeldock.web.api.task_queries import select_tasks
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Reference
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_SELECTED: Final = "selectedItems"


class ActionBody(Body):
    """With which tasks; and what some actions ask for."""

    project: Reference = None
    filters: Any = Field(
        default=None, description="As in the `query` of a list of tasks."
    )
    ordering: Any = Field(default=None, description="As in the `query`; of no effect.")
    selectedItems: Any = Field(  # noqa: N815  the name on the wire
        default=None, examples=[{"all": False, "included": [1, 2]}]
    )
    annotator: Reference = Field(
        default=None, description="For `delete_tasks_annotations`: only theirs."
    )
    model_version: Any = Field(
        default=None,
        description="For `predictions_to_annotations`: one version, or a list of them.",
    )


class DialogShape(TypedDict):
    """What a page asks before."""

    title: str
    text: str
    type: str


class ActionShape(TypedDict):
    """Something that can be done; `permission` is Label Studio's name for it."""

    id: str
    title: str
    order: int
    permission: str | list[str]
    dialog: DialogShape
    reload: NotRequired[bool]


class DoneShape(TypedDict):
    """What was done, and whether there are no tasks left."""

    processed_items: int
    reload: NotRequired[bool]
    detail: str


class FieldShape(TypedDict):
    """A field of a dialog."""

    type: str
    name: str
    label: str
    placeholder: str
    options: NotRequired[list[dict[str, str]]]


class RowShape(TypedDict):
    """A row of a dialog."""

    columnCount: int
    fields: list[FieldShape]


@dataclass(frozen=True, slots=True)
class _Action:
    """How an action is shown, and what does it: how many items it was done with."""

    title: str
    order: int
    permission: str | list[str]
    question: str
    noun: str
    do: Callable[[Call, int, TaskSelection, ActionBody], int]
    form: Callable[[Call, int], list[RowShape]] = lambda _call, _project: []


def _delete_tasks(
    call: Call, project_id: int, chosen: TaskSelection, _body: ActionBody
) -> int:
    return delete_tasks(call.app, call.principal, project_id, chosen)


def _delete_annotations(
    call: Call, project_id: int, chosen: TaskSelection, body: ActionBody
) -> int:
    return task_actions.delete_annotations_of_tasks(
        call.app, call.principal, project_id, chosen, author_id=body.annotator
    )


def _delete_predictions(
    call: Call, project_id: int, chosen: TaskSelection, _body: ActionBody
) -> int:
    return task_actions.delete_predictions_of_tasks(
        call.app, call.principal, project_id, chosen
    )


def _annotate(
    call: Call, project_id: int, chosen: TaskSelection, body: ActionBody
) -> int:
    versions = _read_versions(body.model_version)
    return task_actions.annotate_from_predictions(
        call.app, call.principal, project_id, chosen, versions=versions
    )


def _read_versions(given: Any) -> list[str] | None:  # whatever JSON knows
    if given is None:
        return None
    versions = given if isinstance(given, list) else [given]
    if all(isinstance(version, str) and "\0" not in version for version in versions):
        return versions[:_MOST_VERSIONS]
    raise InvalidInput(
        "Not a version of a model, nor a list of them.",
        field="model_version",
        remedy="Give text, or a list of it; leave it out for all versions.",
    )


_MOST_VERSIONS: Final = 1000


def _list_annotators(call: Call, project_id: int) -> list[RowShape]:
    found = people.list_annotators(call.app, call.principal, project_id)
    options = [
        {
            "value": str(p.id),
            "label": f"{p.first_name} {p.last_name}".strip() or p.email,
        }
        for p in found
    ]
    return _build_row("select", "annotator", "Annotator", "All", options=options)


def _ask_versions(_call: Call, _project_id: int) -> list[RowShape]:
    return _build_row("text", "model_version", "Version of the model", "All")


def _build_row(
    kind: str, name: str, label: str, placeholder: str, **more: Any
) -> list[RowShape]:
    field: FieldShape = {
        "type": kind,
        "name": name,
        "label": label,
        "placeholder": placeholder,
        **more,  # type: ignore[typeddict-item]
    }
    return [{"columnCount": 1, "fields": [field]}]


_ACTIONS: Final[Mapping[str, _Action]] = {
    "predictions_to_annotations": _Action(
        "Create Annotations From Predictions",
        91,
        "tasks.change",
        "What models said about the selected tasks becomes annotations of yours.",
        "annotations",
        _annotate,
        _ask_versions,
    ),
    "delete_tasks": _Action(
        "Delete Tasks",
        100,
        "tasks.delete",
        "The selected tasks are removed, with everything that was said about them.",
        "tasks",
        _delete_tasks,
    ),
    "delete_tasks_annotations": _Action(
        "Delete Annotations",
        101,
        ["tasks.change", "annotations.delete"],
        "What people said about the selected tasks is removed, their drafts too.",
        "annotations",
        _delete_annotations,
        _list_annotators,
    ),
    "delete_tasks_predictions": _Action(
        "Delete Predictions",
        102,
        "predictions.any",
        "What models said about the selected tasks is removed.",
        "predictions",
        _delete_predictions,
    ),
}


class ActionQuery(ProjectQuery):
    """What is done, in which project."""

    id: str | None = Field(
        default=None,
        json_schema_extra={"enum": list(_ACTIONS)},
        description="The action.",
    )


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/dm/actions", GET=list_actions, POST=act),
        build_route("/api/dm/actions/{id:str}/form", GET=show_form),
    ]


@operation(Permission.VIEW, returns=list[ActionShape])
def list_actions(call: Call, query: ProjectQuery) -> Response:
    """What can be done with many tasks at once."""
    projects.get_project(call.app, call.principal, query.require())
    return render_json([_shape(name, action) for name, action in _ACTIONS.items()])


@operation(Permission.VIEW, returns=list[RowShape])
def show_form(call: Call, query: ProjectQuery) -> Response:
    """What a dialog asks before an action; most ask for nothing."""
    project = projects.get_project(call.app, call.principal, query.require())
    name = call.request.path_params["id"]
    if name not in _ACTIONS:
        raise NotFound(f"There is no action {name[:40]!r}.", field="id")
    return render_json(_ACTIONS[name].form(call, project.id))


@operation(Permission.MANAGE, returns=DoneShape)
def act(call: Call, query: ActionQuery, body: ActionBody) -> Response:
    """Do something with the tasks that are selected."""
    name = query.id or ""
    if name not in _ACTIONS:
        raise InvalidInput(
            f"There is no action {name[:40]!r}.",
            field="id",
            remedy=f"Use one of {', '.join(_ACTIONS)}.",
        )
    action = _ACTIONS[name]
    project_id = read_project_id(call, {"project": query.project or body.project})
    count = action.do(call, project_id, _read_selection(body), body)
    verb = "Deleted" if name.startswith("delete") else "Created"
    detail = f"{verb} {count} {action.noun}"
    done: DoneShape = {"processed_items": count, "detail": detail}
    if name == "delete_tasks":
        left = projects.get_project(call.app, call.principal, project_id).task_number
        done["reload"] = left == 0
    return render_json(done)


def _read_selection(body: ActionBody) -> TaskSelection:
    """Which tasks.

    Raises:
        InvalidInput: it is not said, since it would be done with all of them then.
    """
    selected = body.selectedItems
    if not isinstance(selected, dict) or "all" not in selected:
        raise InvalidInput(
            "This field is required.",
            field=_SELECTED,
            remedy='Give {"all": false, "included": [1, 2]}.',
        )
    return select_tasks({_SELECTED: selected, "filters": body.filters})


def _shape(name: str, action: _Action) -> ActionShape:
    shape: ActionShape = {
        "id": name,
        "title": action.title,
        "order": action.order,
        "permission": action.permission,
        "dialog": {"title": action.title, "text": action.question, "type": "confirm"},
    }
    return {**shape, "reload": True} if name == "delete_tasks" else shape

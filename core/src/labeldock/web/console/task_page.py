"""A task: what it shows, what was said about it, and where that was exported to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.services import access, tasks
from labeldock.services.access import Permission, UserName
from labeldock.services.annotations import AnnotationView, PredictionView
from labeldock.services.exporting.whereabouts import Whereabouts, list_whereabouts
from labeldock.services.labelling.controls import Questions, read_questions
from labeldock.services.task_walk import find_neighbours
from labeldock.services.tasks import TaskView
from labeldock.web.console.data_tree import grow_tree
from labeldock.web.console.shell import Crumb
from labeldock.web.console.task_media import Medium, list_media, load_data
from labeldock.web.console.task_shapes import Line, count_left_out, read_lines
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_MOST_SAID: Final = 50
_MOST_PARTS: Final = 100  # of each that is not drawn
# State of a delivery -> its tone and its words.
_DELIVERIES: Final = {
    "delivered": ("good", "in the bucket"),
    "waiting": ("busy", "on its way"),
    "retried": ("warn", "tried again"),
    "failed": ("bad", "given up"),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where an annotation is exported to, as it is shown."""

    tone: str
    words: str
    where: Whereabouts


@dataclass(frozen=True, slots=True)
class Said:
    """An annotation or a prediction, as it is shown.

    `name` stands in addresses; `author` is a person, or the version of a model.
    """

    name: str
    title: str
    author: str
    of: AnnotationView | PredictionView
    lines: list[Line]
    left_out: int
    deliveries: list[Delivery]
    is_own: bool = False

    @property
    def is_annotation(self) -> bool:
        """Whether a person said it."""
        return isinstance(self.of, AnnotationView)

    @property
    def shapes(self) -> list[Line]:
        """What is drawn over a picture."""
        return [line for line in self.lines if line.shape]


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/projects/{id:int}/tasks/{task:int}/", GET=show_task)]


@page(Permission.VIEW)
def show_task(call: Call) -> Response:
    """One task; `show` names the annotation or prediction that is drawn."""
    place = open_project(call, "tasks")
    task = load_task(call, place)
    questions = read_questions(place.project.label_config)
    data = load_data(call, place.project, task)
    media = list_media(call, task, data, questions)
    found = list_whereabouts(call.app, call.principal, task.id)
    said = _list_said(call, task, questions, found)
    said, drawn = _draw(said, call.query_text("show"), questions)
    values = {
        "task": task,
        "media": media,
        "canvas": find_canvas(media, questions),
        "tree": grow_tree(data),
        "said": said,
        "hidden": len(task.annotations) + len(task.predictions) - len(said),
        "drawn": drawn,
        "files": _view_deliveries(found, None),
        "beside": find_neighbours(
            call.app, call.principal, place.project.id, task.inner_id
        ),
        "path": f"{place.path}tasks/{task.id}/",
    }
    return place.render("task.html", values, crumbs=[Crumb(f"Task {task.inner_id}")])


def load_task(call: Call, place: Workplace) -> TaskView:
    """The task that a path names.

    Raises:
        NotFound: it is of another project, or of none.
    """
    task = tasks.get_task(call.app, call.principal, call.path_id("task"))
    if task.project_id != place.project.id:
        raise NotFound(f"Task {task.id} is of another project.", field="task")
    return task


def find_canvas(media: list[Medium], questions: Questions) -> Medium | None:
    """The picture that is drawn on: the one the label config names, else the first."""
    pictures = [each for each in media if each.kind == "image"]
    named = (each for each in pictures if each.shown_as == questions.drawn_on)
    return next((each for each in named if each.shown_as), None) or next(
        iter(pictures), None
    )


def _list_said(
    call: Call, task: TaskView, questions: Questions, found: list[Whereabouts]
) -> list[Said]:
    """The annotations and then the predictions, newest first, each with its parts."""
    shown = task.annotations[-_MOST_SAID:]
    authors = {each.completed_by_id for each in shown if each.completed_by_id}
    names = access.load_user_names(call.app, authors)
    annotations = [
        Said(
            name=f"annotation-{each.id}",
            title=f"Annotation {each.id}",
            author=_name_author(each, names),
            of=each,
            lines=read_lines(each.result, questions, _MOST_PARTS),
            left_out=count_left_out(each.result, _MOST_PARTS),
            deliveries=_view_deliveries(found, each.id),
            is_own=each.completed_by_id == call.principal.user_id,
        )
        for each in reversed(shown)
    ]
    predictions = [
        Said(
            name=f"prediction-{each.id}",
            title=f"Prediction {each.id}",
            author=each.model_version or "a model without a name",
            of=each,
            lines=read_lines(each.result, questions, _MOST_PARTS),
            left_out=count_left_out(each.result, _MOST_PARTS),
            deliveries=[],
        )
        for each in reversed(task.predictions[-_MOST_SAID:])
    ]
    return [*annotations, *predictions]


def _name_author(annotation: AnnotationView, names: dict[int, UserName]) -> str:
    known = names.get(annotation.completed_by_id or 0)
    if known is None:
        return "somebody who is gone"
    return f"{known.first_name} {known.last_name}".strip() or known.email


def _view_deliveries(
    found: list[Whereabouts], annotation_id: int | None
) -> list[Delivery]:
    return [
        Delivery(*_DELIVERIES[each.state], each)
        for each in found
        if each.annotation_id == annotation_id
    ]


def _draw(
    said: list[Said], wanted: str | None, questions: Questions
) -> tuple[list[Said], Said | None]:
    """What is drawn on the picture, told in full: what was asked for, or the first."""
    named = (each for each in said if each.name == wanted)
    with_shapes = (each for each in said if each.shapes)
    chosen = next(named, None) or next(with_shapes, None)
    if chosen is None:
        return said, None
    result = chosen.of.result
    drawn = replace(
        chosen, lines=read_lines(result, questions), left_out=count_left_out(result)
    )
    return [drawn if each is chosen else each for each in said], drawn

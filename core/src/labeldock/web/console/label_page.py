"""Labelling: the next task, a form made from the label config, save or skip."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services.access import Permission
from labeldock.services.annotations import (
    AnnotationView,
    create_annotation,
    update_annotation,
)
from labeldock.services.labelling import queue
from labeldock.services.labelling.answers import (
    REGIONS,
    Answers,
    find_labels,
    name_field,
    read_answers,
    show_answers,
)
from labeldock.services.labelling.controls import Control, Questions, read_questions
from labeldock.services.project_interface import show_interface
from labeldock.services.tasks import TaskView
from labeldock.web.console.forms import REFUSALS, Form
from labeldock.web.console.label_keys import give_keys
from labeldock.web.console.notes import go_to
from labeldock.web.console.shell import Crumb
from labeldock.web.console.task_media import list_media, load_data
from labeldock.web.console.task_page import find_canvas, load_task
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import LARGEST_ID
from labeldock.web.operations import page
from labeldock.web.rendering import render_nothing

_PATH: Final = "/projects/{id:int}/label"
_LONGEST_SECONDS: Final = 24 * 3600.0


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/", GET=show_next),
        build_route(f"{_PATH}/{{task:int}}/", GET=show_form, POST=answer),
        build_route(f"{_PATH}/{{task:int}}/keep/", POST=keep),
    ]


@dataclass(frozen=True, slots=True)
class Bench:
    """A task on which somebody works.

    `annotation` is the own one that is changed, if it is not a new one that is made.
    """

    place: Workplace
    task: TaskView
    questions: Questions
    interface: Mapping[str, Any]
    annotation: AnnotationView | None

    @property
    def path(self) -> str:
        """Where the page is."""
        return f"{self.place.path}label/{self.task.id}/"

    @property
    def may_skip(self) -> bool:
        """Whether the task may be passed over."""
        shown = bool(self.interface["show_skip_button"])
        return self.task.allow_skip and shown and self.annotation is None


@page(Permission.ANNOTATE)
def show_next(call: Call) -> Response:
    """Take the next task, or say that there is none."""
    place = open_project(call, "tasks", Permission.ANNOTATE)
    after = min(max(0, call.query_integer("after") or 0), LARGEST_ID)
    found = queue.claim_next(call.app, call.principal, place.project.id, after=after)
    if found is not None:
        return RedirectResponse(f"{place.path}label/{found}/", 303)
    return place.render("label_done.html", {}, crumbs=[Crumb("Label")])


@page(Permission.ANNOTATE)
def show_form(call: Call) -> Response:
    """The form for a task; `annotation` or `prediction` names what it begins with."""
    bench = _open_bench(call, call.query_integer("annotation"))
    is_free = queue.take(call.app, call.principal, bench.task.id)
    answers = show_answers(bench.questions, _find_start(call, bench))
    return _show(call, bench, answers, is_free=is_free)


def _open_bench(call: Call, annotation_id: int | None) -> Bench:
    place = open_project(call, "tasks", Permission.ANNOTATE)
    task = load_task(call, place)
    found = next((a for a in task.annotations if a.id == annotation_id), None)
    if annotation_id is not None and found is None:
        raise NotFound(f"Annotation {annotation_id} does not exist.")
    questions = read_questions(place.project.label_config)
    interface = show_interface(place.project.interface)
    return Bench(place, task, questions, interface, found)


def _find_start(call: Call, bench: Bench) -> object:
    if bench.annotation is not None:
        return bench.annotation.result
    number = call.query_integer("prediction")
    known = (each for each in bench.task.predictions if each.id == number)
    found = next(known, None)
    return found.result if found else []


def _show(
    call: Call,
    bench: Bench,
    answers: Answers,
    *,
    is_free: bool = True,
    form: Form | None = None,
) -> Response:
    place, questions = bench.place, bench.questions
    data = load_data(call, place.project, bench.task)
    media = list_media(call, bench.task, data, questions)
    drawing = next((each for each in questions.controls if each.draws), None)
    labelling = find_labels(questions, drawing) if drawing else None
    asked = [c for c in questions.controls if c is not drawing and c is not labelling]
    canvas = find_canvas(media, questions) if drawing else None
    began = form.value("began", 0) if form else int(time.time())
    values = {
        "bench": bench,
        "task": bench.task,
        "form": form or Form(),
        "answers": answers,
        "controls": [(questions.controls.index(c), c) for c in asked],
        "drawing": drawing,
        "labelling": labelling,
        "canvas": canvas,
        "media": [each for each in media if each is not canvas],
        "regions": orjson.dumps(list(answers.regions)).decode(),
        "keys": _give_keys(questions, drawing, labelling),
        "name_field": name_field,
        "is_free": is_free,
        "began": began,
        "instruction": _find_instruction(bench),
    }
    crumbs = [
        Crumb(f"Task {bench.task.inner_id}", f"{place.path}tasks/{bench.task.id}/"),
        Crumb("Label"),
    ]
    return place.render(
        "label.html", values, crumbs=crumbs, status=400 if form else 200
    )


def _give_keys(
    questions: Questions, drawing: Control | None, labelling: Control | None
) -> dict[tuple[str, int], str]:
    """A key for each option, those that are drawn with first."""
    first = [labelling] if labelling and labelling.kind == "rectanglelabels" else []
    first = first or ([labelling] if labelling and drawing else [])
    rest = [each for each in questions.controls if each not in first]
    return give_keys([*first, *rest])


def _find_instruction(bench: Bench) -> str:
    is_shown = bench.interface["show_instruction"]
    return str(bench.interface["expert_instruction"]) if is_shown else ""


@page(Permission.ANNOTATE)
def answer(call: Call) -> Response:
    """Save what the form says, skip the task, or leave it to others."""
    number = str(call.values.get("annotation") or "")
    is_number = number.isascii() and number.isdigit()
    bench = _open_bench(call, int(number) if is_number else None)
    action = call.values.get("action")
    if action == "leave":
        queue.release(call.app, call.principal, bench.task.id)
        return go_to(call.request, f"{bench.place.path}tasks/", "task-left")
    try:
        made = _skip(call, bench) if action == "skip" else _save(call, bench)
    except REFUSALS as error:
        return _show_again(call, bench, error)
    queue.release(call.app, call.principal, bench.task.id)
    if bench.annotation is not None:
        path = f"{bench.place.path}tasks/{bench.task.id}/"
        return go_to(call.request, path, "task-labelled", made.id)
    path = f"{bench.place.path}label/?after={bench.task.inner_id}"
    if action == "skip":
        return go_to(call.request, path, "task-skipped")
    return go_to(call.request, path, "task-labelled", made.id)


def _save(call: Call, bench: Bench) -> AnnotationView:
    result = read_answers(bench.questions, call.values)
    if not result and not bench.interface["enable_empty_annotation"]:
        raise InvalidInput("An empty annotation is not allowed in this project.")
    values = {"result": result, "was_cancelled": False}
    seconds = _measure_lead(call)
    known = bench.annotation
    if known is None:
        values |= {"lead_time": seconds}
        return create_annotation(call.app, call.principal, bench.task.id, values)
    # What the form cannot show was not taken back by somebody who could not see it.
    values["result"] = [*show_answers(bench.questions, known.result).others, *result]
    values |= {"lead_time": (known.lead_time or 0) + seconds}
    return update_annotation(call.app, call.principal, known.id, values)


def _skip(call: Call, bench: Bench) -> AnnotationView:
    if not bench.may_skip:
        raise InvalidInput("This task cannot be skipped.")
    values = {"result": [], "was_cancelled": True, "lead_time": _measure_lead(call)}
    return create_annotation(call.app, call.principal, bench.task.id, values)


def _measure_lead(call: Call) -> float:
    """Seconds since the form was shown."""
    began = str(call.values.get("began") or "")
    if not (began.isascii() and began.isdigit() and len(began) < 15):
        return 0.0
    return round(min(max(0.0, time.time() - int(began)), _LONGEST_SECONDS), 1)


def _show_again(call: Call, bench: Bench, error: Any) -> Response:
    """The form as it was sent, with what is wrong with it."""
    form = Form.refused(call.values, error)
    is_free = queue.take(call.app, call.principal, bench.task.id)
    return _show(
        call, bench, _read_typed(bench, call.values), is_free=is_free, form=form
    )


def _read_typed(bench: Bench, values: Mapping[str, Any]) -> Answers:
    """What was typed, as far as it can be shown again."""
    controls = list(enumerate(bench.questions.controls))
    chosen = {
        c.name: tuple(
            option.value
            for place, option in enumerate(c.options)
            if values.get(name_field(number, place))
            or values.get(name_field(number)) == str(place)
        )
        for number, c in controls
    }
    texts = {c.name: str(values.get(name_field(n), "")) for n, c in controls}
    stars = {n: int(t) for n, t in texts.items() if t.isascii() and t.isdigit()}
    return Answers(chosen, texts, stars, _load_regions(values))


def _load_regions(values: Mapping[str, Any]) -> list[Any]:
    try:
        found = orjson.loads(str(values.get(REGIONS) or "[]"))
    except orjson.JSONDecodeError:
        return []
    return found if isinstance(found, list) else []


@page(Permission.ANNOTATE)
def keep(call: Call) -> Response:
    """Keep the task for the page that is open, for a little longer."""
    place = open_project(call, "tasks", Permission.ANNOTATE)
    task = load_task(call, place)
    queue.take(call.app, call.principal, task.id, queue.RENEWED_SECONDS)
    return render_nothing()

"""A project of a Label Studio, moved over page by page; a move can be gone on with.

How far it is stands on a run of the project, in the transaction of each page; nobody
but whoever has the run's newest token writes. The run is not one for workers: it has
failed until it is whole, and its errors are what could not be moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from labeldock.contract.errors import Conflict, InvalidInput, LabeldockError
from labeldock.db.columns import utc_now
from labeldock.db.slots import Slot
from labeldock.db.tables import Project, Run, RunError, Task
from labeldock.services import access, projects
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.counters import recount_tasks
from labeldock.services.label_studio.client import PAGE, Peer
from labeldock.services.label_studio.places import (
    Origin,
    ReferenceFinder,
    add_slot,
    read_origin,
)
from labeldock.services.label_studio.shapes import find_author, read_task
from labeldock.services.label_studio.writing import MovedTask, Place, write_page
from labeldock.services.quotas import Limit, require_team_room
from labeldock.services.restoring.people import People

KIND: Final = "label_studio"
_SETTINGS: Final = projects.CHANGEABLE
_UNFINISHED: Final = {
    "code": "interrupted",
    "message": "Not all of the project is here yet.",
    "remedy": "Run the same command again; it goes on where it was.",
}
Values = dict[str, Any]
Note = Callable[[int, int], None]
"""Told how many tasks are here, and how many there are."""


@dataclass(slots=True)
class Moved:
    """What became of a project.

    Attributes:
        project_id: its number here.
        title: its title.
        counts: how many tasks, annotations, predictions, references and slots.
        losses: what could not be moved, one sentence each.
        was_here: whether an earlier move had brought all of it.
    """

    project_id: int
    title: str
    counts: dict[str, int]
    losses: list[str] = field(default_factory=list)
    was_here: bool = False


def move_project(
    app: AppContext, principal: Principal, peer: Peer, number: int, note: Note
) -> Moved:
    """Bring a project over, or go on with it; one that is here stays as it is.

    Raises:
        NotFound: there is no such project.
        Conflict: somebody else is moving it.
        LabeldockError: Label Studio does not answer as it should; what came is kept.
    """
    there = peer.get(f"/api/projects/{number}/")
    run = _find_run(app, peer, number)
    if run is None:
        run = _begin(app, principal, peer, there)
    elif run.state != "failed":
        return _sum_up(app, run, was_here=True)
    move = _Move(app, principal, peer, there, _take(app, principal, run))
    move.copy_tasks(note)
    return _sum_up(app, move.finish())


def _find_run(app: AppContext, peer: Peer, number: int) -> Run | None:
    """The run of an earlier move whose project is still here."""
    query = select(Run).where(Run.kind == KIND).order_by(col(Run.id).desc())
    origin = {"url": peer.url, "project": number}
    with app.database.read() as session:
        found = (run for run in session.exec(query) if run.options == origin)
        return next(found, None)


def _begin(app: AppContext, principal: Principal, peer: Peer, there: Values) -> Run:
    losses: list[str] = []
    project = _create_project(app, principal, there, losses)
    listed = peer.get("/api/storages/", project=there["id"])
    exports = peer.get("/api/storages/export", project=there["id"])
    origins = _read_origins(app, listed, losses)
    losses += [
        f"The export storage {_name(storage)} needs its secrets: connect it here."
        for storage in exports
    ]
    with app.database.write() as session:
        for origin in origins:
            add_slot(session, project.id, origin)
        run = Run(
            project_id=project.id,
            kind=KIND,
            state="failed",
            requested_by_id=principal.user_id,
            options={"url": peer.url, "project": int(there["id"])},
            checkpoint={"page": 1, "last": 0, "rows": {}, "authors": []},
            counts={"tasks": 0, "slots": len(origins)},
            problem=_UNFINISHED,
            started_at=utc_now(),
        )
        session.add(run)
        session.flush()
        session.add_all(_lose(run.id, loss) for loss in losses)
        session.flush()
        session.refresh(run)
        session.expunge(run)
    return run


def _create_project(
    app: AppContext, principal: Principal, there: Values, losses: list[str]
) -> projects.ProjectView:
    values = {k: v for k, v in there.items() if k in _SETTINGS and v is not None}
    title = str(values.get("title") or "").strip()[:50]
    values["title"] = title if len(title) >= 3 else f"Project {there['id']}"
    try:
        return projects.create_project(app, principal, values)
    except InvalidInput as error:
        names = {problem.field for problem in error.problems} & values.keys()
        if not names or "title" in names:
            raise
        losses += [f"The project's {name} cannot be used here." for name in names]
    kept = {name: value for name, value in values.items() if name not in names}
    return projects.create_project(app, principal, kept)


def _read_origins(
    app: AppContext, listed: list[Values], losses: list[str]
) -> list[Origin]:
    origins: list[Origin] = []
    for storage in listed:
        try:
            taken = {origin.slot for origin in origins}
            origins.append(read_origin(app, storage, taken))
        except LabeldockError as error:
            text = f"The storage {_name(storage)}: {error.message}"
            losses.append(f"{text} {error.remedy or ''}".strip())
    return origins


def _name(storage: Values) -> str:
    return f"{storage.get('title') or storage.get('id')} ({storage.get('type')})"


def _lose(run_id: int, loss: str) -> RunError:
    return RunError(run_id=run_id, key="", code="no_counterpart", message=loss)


def _take(app: AppContext, principal: Principal, run: Run) -> Run:
    """The run with a token of our own; whoever had it writes no more."""
    with app.database.write() as session:
        row = session.get_one(Run, run.id, with_for_update=True)
        access.require(session, principal, row.project_id or 0, Permission.MANAGE)
        row.lease_token += 1
        session.flush()
        session.refresh(row)
        session.expunge(row)
    return row


class _Move:
    """One project on its way."""

    def __init__(
        self,
        app: AppContext,
        principal: Principal,
        peer: Peer,
        there: Values,
        run: Run,
    ) -> None:
        self._app, self._peer, self._there, self._run = app, peer, there, run
        self._project_id = run.project_id or 0
        view = projects.get_project(app, principal, self._project_id)
        self._people = _list_people(peer)
        self._known = People(view.organization_id)
        self._state, self._counts = dict(run.checkpoint), Counter(run.counts)
        self._load_slots()

    def _load_slots(self) -> None:
        losses: list[str] = []  # told already
        listed = self._peer.get("/api/storages/", project=self._there["id"])
        origins = _read_origins(self._app, listed, losses)
        with self._app.database.read() as session:
            query = select(Slot).where(Slot.project_id == self._project_id)
            self._slots = {slot.name: slot.id for slot in session.exec(query)}
        mine = [origin for origin in origins if origin.slot in self._slots]
        self._finder = ReferenceFinder(mine, self._state["rows"])

    def copy_tasks(self, note: Note) -> None:
        """Bring over the pages that are not here yet."""
        total = int(self._there.get("task_number") or 0)
        pages = self._peer.iterate_tasks(self._there["id"], page=self._state["page"])
        for page in pages:
            new = [task for task in page if int(task["id"]) > self._state["last"]]
            losses: list[str] = []
            groups = [g for task in new if (g := self._read(task, losses))]
            if page:
                self._state["last"] = max(self._state["last"], int(page[-1]["id"]))
            if len(page) == PAGE:
                self._state["page"] += 1
            self._count(groups)
            self._write(groups, losses)
            note(self._counts["tasks"], total)

    def _read(self, task: Values, losses: list[str]) -> MovedTask | None:
        if self._finder.needs_details(task):
            shown = self._peer.get(f"/api/tasks/{task['id']}/", resolve_uri="false")
            task["storage_filename"] = shown.get("storage_filename")
        try:
            group = read_task(
                task, self._people, self._peer.url, self._finder.find(task)
            )
        except LabeldockError as error:
            losses.append(f"Task {task['id']} was not moved: {error.message}")
            return None
        if drafts := len(task.get("drafts") or ()):
            losses.append(f"Task {task['id']}: {drafts} drafts stay there.")
        authors = {find_author(a, self._people) for a in task.get("annotations") or ()}
        met = authors.union(self._state["authors"]) - {None}
        self._state["authors"] = sorted(map(str, met))
        return group

    def _count(self, groups: list[MovedTask]) -> None:
        self._counts["tasks"] += len(groups)
        for group in groups:
            for name in ("annotations", "predictions", "references"):
                self._counts[name] += len(getattr(group, name))

    def _write(self, groups: list[MovedTask], losses: list[str]) -> None:
        with self._app.database.write() as session:
            self._hold(session)
            place = Place(self._project_id, self._slots, self._known)
            if groups:  # they are counted at the end, all of them
                connection, count = session.connection(), self._counts["tasks"]
                require_team_room(
                    self._app, connection, self._project_id, Limit.TASKS, count
                )
                write_page(session.connection(), place, groups)
            session.add_all(_lose(self._run.id, loss) for loss in losses)

    def _hold(self, session: Session) -> None:
        """Note how far it is, if the run is still ours."""
        values = {"checkpoint": self._state, "counts": dict(self._counts)}
        done: Any = session.execute(
            update(Run)
            .where(col(Run.id) == self._run.id)
            .where(col(Run.lease_token) == self._run.lease_token)
            .values(**values, last_ping_at=utc_now())
        )
        if done.rowcount != 1:
            raise Conflict(
                "Somebody else goes on with this move, or its project was deleted."
            )

    def finish(self) -> Run:
        """Count the tasks, and say that all of them are here."""
        with self._app.database.write() as session:
            self._hold(session)
            self._know_strangers(session)
            project = session.get_one(Project, self._project_id)
            highest = select(func.max(Task.inner_id))
            highest = highest.where(Task.project_id == project.id)
            project.next_inner_id = (session.exec(highest).one() or 0) + 1
            recount_tasks(session, project.id)
            errors = select(func.count()).where(col(RunError.run_id) == self._run.id)
            run = session.get_one(Run, self._run.id)
            has_all = not session.exec(errors).one()
            run.state = "completed" if has_all else "completed_with_errors"
            run.problem, run.finished_at = None, utc_now()
            session.flush()
            session.refresh(run)
            session.expunge(run)
        return run

    def _know_strangers(self, session: Session) -> None:
        self._known.learn(session.connection(), self._state["authors"])
        for address in self._state["authors"]:
            if self._known.find(address) is None:
                text = f"{address} is nobody here: their annotations name no author."
                session.add(_lose(self._run.id, text))
        session.flush()


def _list_people(peer: Peer) -> dict[int, str]:
    found = peer.get("/api/users/")
    listed = found if isinstance(found, list) else found.get("results", [])
    return {int(user["id"]): str(user["email"]) for user in listed if user.get("email")}


def _sum_up(app: AppContext, run: Run, *, was_here: bool = False) -> Moved:
    query = select(RunError.message).where(RunError.run_id == run.id)
    with app.database.read() as session:
        losses = list(session.exec(query.order_by(col(RunError.id))))
        project = session.get_one(Project, run.project_id)
        counts = {name: number for name, number in run.counts.items() if number}
        return Moved(project.id, project.title, counts, losses, was_here)

"""What can be done with many tasks of a project beside removing them.

Page by page, as in `deleting`: what is interrupted has done whole pages, and asked for
again it goes on with what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlmodel import Session, col, delete, func, select

from labeldock.db.drafts import Draft
from labeldock.db.tables import Annotation, Prediction
from labeldock.db.types import dump_json
from labeldock.services import auditing
from labeldock.services.access import Principal
from labeldock.services.annotations import (
    MOST_AT_ONCE,
    delete_annotations,
    ring_deliveries,
)
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext
from labeldock.services.counters import (
    Share,
    count_annotations,
    count_predictions,
    measure_share,
)
from labeldock.services.exporting import outbox
from labeldock.services.task_pages import list_pages, lock_present
from labeldock.services.task_selection import TaskSelection
from labeldock.services.webhooks.outbox import note_annotations

PAGE: Final = 200
"""Tasks in one transaction; what is said about each may be in several exports."""


def delete_annotations_of_tasks(
    app: AppContext,
    principal: Principal,
    project_id: int,
    selection: TaskSelection,
    *,
    author_id: int | None = None,
) -> int:
    """Remove what people said about tasks, drafts too; how many annotations.

    Args:
        app: the parts.
        principal: who.
        project_id: where.
        selection: of which tasks.
        author_id: only what this user said; None: whoever did.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    count = 0
    for page in list_pages(app, principal, project_id, selection, size=PAGE):
        for ids in _list_annotations(app, page, author_id):
            count += delete_annotations(app, principal, ids, project_id=project_id)
        _drop_drafts(app, project_id, page, author_id)
    return count


def _list_annotations(
    app: AppContext, task_ids: list[int], author_id: int | None
) -> Iterator[list[int]]:
    query = select(Annotation.id).where(col(Annotation.task_id).in_(task_ids))
    if author_id is not None:
        query = query.where(Annotation.completed_by_id == author_id)
    while True:  # those that were listed are gone by then
        with app.database.read() as session:
            ids = list(
                session.exec(query.order_by(col(Annotation.id)).limit(MOST_AT_ONCE))
            )
        if not ids:
            return
        yield ids


def _drop_drafts(
    app: AppContext, project_id: int, task_ids: list[int], author_id: int | None
) -> None:
    def use_case(session: Session) -> None:
        found = lock_present(session, project_id, task_ids)
        gone = delete(Draft).where(col(Draft.task_id).in_(found))
        if author_id is not None:
            gone = gone.where(col(Draft.user_id) == author_id)
        session.execute(gone)

    app.database.transact(use_case)


def delete_predictions_of_tasks(
    app: AppContext, principal: Principal, project_id: int, selection: TaskSelection
) -> int:
    """Remove what models said about tasks; how many predictions.

    Raises:
        NotFound, NotAllowed: as they say.
    """

    def use_case(session: Session, task_ids: list[int]) -> tuple[int, set[int]]:
        ours = col(Prediction.task_id).in_(task_ids)
        query = select(Prediction.task_id, func.count()).where(ours)
        numbers = session.exec(query.group_by(col(Prediction.task_id))).all()
        session.execute(delete(Prediction).where(ours))
        storages = set[int]()
        for task_id, count in sorted(numbers):
            count_predictions(session, project_id, task_id, -count)
            storages |= set(
                outbox.want_task(app, session, project_id, task_id, has_new_data=False)
            )
        total = sum(count for _, count in numbers)
        _note(session, principal, Action.PREDICTIONS_DELETED, project_id, total)
        return total, storages

    return _do_by_page(app, principal, project_id, selection, use_case)


def annotate_from_predictions(
    app: AppContext,
    principal: Principal,
    project_id: int,
    selection: TaskSelection,
    *,
    versions: Collection[str] | None = None,
) -> int:
    """Say what models said in the caller's name; how many annotations were made.

    What they said about a task before is not said again.

    Args:
        app: the parts.
        principal: who.
        project_id: where.
        selection: about which tasks.
        versions: only what these versions of models said; None: all of them.

    Raises:
        NotFound, NotAllowed: as they say.
    """

    def use_case(session: Session, task_ids: list[int]) -> tuple[int, set[int]]:
        made = list(_build_annotations(session, principal, task_ids, versions))
        if not made:
            return 0, set()
        session.add_all(made)
        session.flush()
        count_annotations(session, project_id, _sum_shares(made))
        storages = outbox.want_annotations(app, session, project_id, made)
        batch = app.settings.webhook_batch_size
        note_annotations(session.connection(), made, batch=batch)
        _note(session, principal, Action.ANNOTATIONS_CREATED, project_id, len(made))
        return len(made), set(storages)

    return _do_by_page(app, principal, project_id, selection, use_case)


def _build_annotations(
    session: Session,
    principal: Principal,
    task_ids: list[int],
    versions: Collection[str] | None,
) -> Iterator[Annotation]:
    query = select(Prediction).where(col(Prediction.task_id).in_(task_ids))
    if versions is not None:
        query = query.where(col(Prediction.model_version).in_(versions))
    mine = select(Annotation.task_id, Annotation.result).where(
        col(Annotation.task_id).in_(task_ids),
        Annotation.completed_by_id == principal.user_id,
    )
    said = {(task_id, dump_json(result)) for task_id, result in session.exec(mine)}
    for prediction in session.exec(query.order_by(col(Prediction.id))).all():
        what = (prediction.task_id, dump_json(prediction.result))
        if what not in said:
            said.add(what)
            yield Annotation(
                task_id=prediction.task_id,
                project_id=prediction.project_id,
                completed_by_id=principal.user_id,
                updated_by_id=principal.user_id,
                result=prediction.result,
            )


def _sum_shares(annotations: Sequence[Annotation]) -> dict[int, Share]:
    shares = defaultdict[int, list[Share]](list)
    for annotation in annotations:
        shares[annotation.task_id].append(measure_share(annotation))
    return {
        task_id: Share(*map(sum, zip(*each, strict=True)))
        for task_id, each in shares.items()
    }


def _do_by_page(
    app: AppContext,
    principal: Principal,
    project_id: int,
    selection: TaskSelection,
    do: Any,  # from a session and locked tasks to a number and storages
) -> int:
    total, touched = 0, set[int]()
    for page in list_pages(app, principal, project_id, selection, size=PAGE):

        def use_case(session: Session, page: list[int] = page) -> tuple[int, set[int]]:
            found = lock_present(session, project_id, page)
            done: tuple[int, set[int]] = do(session, found) if found else (0, set())
            return done

        count, storages = app.database.transact(use_case)
        total += count
        touched |= storages
    ring_deliveries(app, sorted(touched))
    return total


def _note(
    session: Session, principal: Principal, action: Action, project_id: int, count: int
) -> None:
    if count:
        details = {"number": count}
        deed = Deed(
            action, "project", project_id, project_id=project_id, details=details
        )
        auditing.record(session, principal, deed)

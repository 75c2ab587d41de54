"""`labeldock apply`: make the storages what a file says they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labeldock.cli.arguments import AsJson, AsUser
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json

if TYPE_CHECKING:
    from labeldock.cli.declarations import Declaration
    from labeldock.cli.operating import Operation
    from labeldock.contract.errors import LabeldockError
    from labeldock.contract.values import Problem
    from labeldock.services.declaring import Plan
    from labeldock.services.storages import StorageView

_DONE = {
    "create": "created",
    "update": "updated",
    "keep": "unchanged",
    "remove": "removed",
}


def apply_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A YAML file of storages.")
    ],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be done, and do nothing."),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove storages of the file's projects that are not in the file; "
            "their tasks and objects stay.",
        ),
    ] = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Make storages what a file declares; applied again, nothing changes.

    A storage is known again by its project, purpose and title. What the file does not
    mention of it stays as it is. The whole file is checked before anything is changed.
    """
    from labeldock.cli.declarations import read_declarations

    declarations = read_declarations(file)
    done: list[dict[str, Any]] = []
    with open_operation(as_user) as operation:
        plans = _plan(operation, file, declarations, prune=prune)
        try:
            for place, plan in plans:
                view = plan.current
                if not dry_run:
                    view = _carry_out(operation, file, place, plan)
                done.append(_describe(plan, view))
                if not as_json:
                    _print_line(done[-1], is_dry=dry_run)
        finally:
            if as_json:
                print_json(done)


def _plan(
    operation: Operation, file: Path, declarations: list[Declaration], *, prune: bool
) -> list[tuple[str, Plan]]:
    """What to do, in the order of the file; everything that is wrong is told at once.

    Raises:
        InvalidInput: something cannot be as it is declared.
    """
    from labeldock.cli.declarations import refuse
    from labeldock.contract.errors import LabeldockError
    from labeldock.services.declaring import plan_removals

    plans: list[tuple[str, Plan]] = []
    problems: list[Problem] = []
    for declaration in declarations:
        try:
            plans.append((declaration.place, _plan_one(operation, declaration)))
        except LabeldockError as error:
            problems += _place_problems(declaration.place, error)
    if problems:
        raise refuse(file, problems)
    if prune:
        removals = plan_removals(*operation, [plan for _, plan in plans])
        plans += [("--prune", plan) for plan in removals]
    return plans


def _plan_one(operation: Operation, declaration: Declaration) -> Plan:
    from labeldock.services.declaring import plan_storage
    from labeldock.services.storage_fields import StorageDraft

    _refuse_written_secrets(operation, declaration)
    draft = StorageDraft(
        _find_project(operation, declaration.project),
        declaration.purpose,
        declaration.provider,
        {**declaration.values, "title": declaration.title},
    )
    return plan_storage(*operation, draft)


def _refuse_written_secrets(operation: Operation, declaration: Declaration) -> None:
    from labeldock.contract.errors import InvalidInput
    from labeldock.contract.options import secret_fields
    from labeldock.contract.values import Problem
    from labeldock.host.references import select_model

    bound = operation.app.catalog.provider(declaration.provider)
    secrets = secret_fields(select_model(bound, declaration.purpose))
    written = [
        name
        for name in secrets
        if declaration.values.get(name) and name not in declaration.references
    ]
    if written:
        remedy = "Name where it is: {env: VARIABLE} or {file: PATH}."
        text = "A secret may not be written in the file."
        problems = [Problem(name, text, remedy) for name in written]
        raise InvalidInput(text, problems=problems)


def _find_project(operation: Operation, project: int | str) -> int:
    from labeldock.cli.projects import list_all_projects
    from labeldock.contract.errors import InvalidInput
    from labeldock.services import projects

    if isinstance(project, int):
        return projects.get_project(*operation, project).id
    same = [each.id for each in list_all_projects(operation) if each.title == project]
    if len(same) == 1:
        return same[0]
    if not same:
        raise InvalidInput(
            f"There is no project {project}.",
            field="project",
            remedy=f'labeldock project create --title "{project}"',
        )
    numbers = ", ".join(map(str, sorted(same)))
    raise InvalidInput(
        f"The projects {numbers} have this title.",
        field="project",
        remedy="Give the number of one of them.",
    )


def _place_problems(place: str, error: LabeldockError) -> list[Problem]:
    """What is wrong, with its place in the file."""
    from labeldock.contract.errors import InvalidInput
    from labeldock.contract.values import Problem

    found = error.problems if isinstance(error, InvalidInput) else ()
    own = Problem(error.field, error.message, error.remedy)
    return [
        Problem(_join(place, p.field), p.message, p.remedy, p.code)
        for p in found or (own,)
    ]


def _join(place: str, field: str | None) -> str:
    # What the API calls the type of a storage is its provider here.
    return f"{place}.{'provider' if field == 'type' else field}" if field else place


def _carry_out(
    operation: Operation, file: Path, place: str, plan: Plan
) -> StorageView | None:
    from labeldock.cli.declarations import refuse
    from labeldock.contract.errors import InvalidInput
    from labeldock.services.declaring import carry_out

    try:
        return carry_out(*operation, plan)
    except InvalidInput as error:
        raise refuse(file, _place_problems(place, error)) from None


def _describe(plan: Plan, view: StorageView | None) -> dict[str, Any]:
    return {
        "outcome": _DONE[plan.step.value],
        "storage": view.id if view else None,
        "project": plan.draft.project_id,
        "purpose": plan.draft.purpose.value,
        "title": plan.draft.values.get("title"),
        "changes": list(plan.changes),
    }


def _print_line(done: dict[str, Any], *, is_dry: bool) -> None:
    number = f" {done['storage']}" if done["storage"] else ""
    changes = f": {', '.join(done['changes'])}" if done["changes"] else ""
    would = "would be " if is_dry and done["outcome"] != "unchanged" else ""
    text = (
        f"{would}{done['outcome']:<9} {done['purpose']} storage{number} "
        f"{done['title'] or '(no title)'} (project {done['project']}){changes}"
    )
    typer.echo(clean_text(text))

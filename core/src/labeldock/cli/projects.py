"""`labeldock project`: create and list projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.projects import ProjectView

PAGE = 100

project_commands = typer.Typer(no_args_is_help=True, help="Tasks that belong together.")


@project_commands.command("create")
def create_project(
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="3 to 50 characters.")
    ],
    label_config: Annotated[
        Path | None,
        typer.Option(
            "--label-config",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="An XML file that says how tasks are labelled.",
        ),
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="Free text.")
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(
            "--email",
            "--as",
            metavar="EMAIL",
            help="The owner; otherwise the oldest administrator.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a project, and print its number."""
    from labeldock.services import projects

    values = {
        "title": title,
        "description": description,
        "label_config": _read_config(label_config) if label_config else None,
    }
    with open_operation(email) as (app, principal):
        project = projects.create_project(app, principal, values)
    if as_json:
        print_json(project)
    else:
        typer.echo(f"Created project {project.id}: {project.title}")


def _read_config(path: Path) -> str:
    from labeldock.contract.errors import InvalidInput

    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{path} is not text in UTF-8.", field="label-config"
        ) from None


@project_commands.command("list")
def list_projects(as_user: AsUser = None, as_json: AsJson = False) -> None:
    """List projects, newest first."""
    with open_operation(as_user) as operation:
        found = list_all_projects(operation)
    if as_json:
        print_json(found)
        return
    headings = ("ID", "TITLE", "TASKS", "FINISHED", "ANNOTATIONS", "CREATED")
    print_table(headings, map(_show, found))


def list_all_projects(operation: Operation) -> list[ProjectView]:
    """Every project that somebody may see, newest first."""
    from labeldock.services import projects

    found: list[ProjectView] = []
    total = 1
    while len(found) < total:
        page, total = projects.list_projects(*operation, offset=len(found), limit=PAGE)
        if not page:
            break
        found += page
    return found


def _show(project: ProjectView) -> tuple[object, ...]:
    return (
        project.id,
        project.title,
        project.task_number,
        project.finished_task_number,
        project.total_annotations_number,
        project.created_at,
    )

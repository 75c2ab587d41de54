"""Storages, their settings and checks, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from labeldock.cli.failures import join_text
from labeldock.cli.projects import list_all_projects
from labeldock.cli.showing import clean_text, print_table

if TYPE_CHECKING:
    from pydantic import BaseModel

    from labeldock.cli.operating import Operation
    from labeldock.contract.values import ValidationReport
    from labeldock.services.storages import StorageView


def list_storages(operation: Operation, project_id: int | None) -> list[StorageView]:
    """The storages of a project, or of every project that is visible."""
    from labeldock.contract.values import Purpose
    from labeldock.services import storages

    if project_id is not None:
        projects = [project_id]
    else:
        projects = [project.id for project in reversed(list_all_projects(operation))]
    return [
        storage
        for project in projects
        for purpose in Purpose
        for storage in storages.list_storages(*operation, project, purpose)
    ]


def dump_storage(view: StorageView) -> dict[str, Any]:
    """A storage as JSON values; secrets are named only."""
    return {**asdict(view), "status": view.status}


def print_storages(views: Iterable[StorageView]) -> None:
    """One line per storage, and below what needs attention."""
    views = list(views)
    headings = (
        "ID", "PROJECT", "PURPOSE", "PROVIDER", "TITLE", "STATUS", "LAST SYNC", "DONE",
        "WHERE",
    )  # fmt: skip
    print_table(headings, map(_show, views))
    for view in views:
        if view.attention:
            text = clean_text(view.attention)
            typer.echo(f"Storage {view.id} needs attention: {text}", err=True)


def _show(view: StorageView) -> tuple[object, ...]:
    return (
        view.id,
        view.project_id,
        view.purpose.value,
        view.provider,
        view.fields["title"],
        view.status,
        view.last_success_at,
        view.last_success_count,
        view.base_uri + view.fields["prefix"],
    )


def dump_report(report: ValidationReport) -> dict[str, Any]:
    """The outcome of a check as JSON values."""
    problems = [problem._asdict() for problem in report.problems]
    return {"ok": report.is_ok, "status": report.status.value, "problems": problems}


def print_report(view: StorageView, report: ValidationReport) -> None:
    """The outcome of a check: one line if all is well, else a line per problem."""
    if report.is_ok:
        typer.echo(f"Storage {view.id} is {report.status.value}.")
        return
    typer.echo(f"Storage {view.id} cannot be used ({report.status.value}).", err=True)
    for problem in report.problems:
        text = join_text(problem.field, problem.message, problem.remedy)
        typer.echo(f"  {clean_text(text)}", err=True)


def describe_fields(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a provider's settings model."""
    from labeldock.contract.options import secret_fields

    secrets = secret_fields(model)
    schema = model.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "option": f"--{name.replace('_', '-')}",
            "type": _name_type(schema.get(name, {})),
            "required": field.is_required(),
            "secret": name in secrets,
            "description": field.description or field.title or "",
        }
        for name, field in model.model_fields.items()
    ]


def _name_type(schema: dict[str, Any]) -> str:
    parts = schema.get("anyOf", [schema])
    names = [str(part["type"]) for part in parts if part.get("type") not in _UNTOLD]
    return " or ".join(names) or "any"


_UNTOLD = {None, "null"}


def print_fields(fields: Iterable[dict[str, Any]]) -> None:
    """The fields of a provider's settings as a table."""
    headings = ("OPTION", "TYPE", "REQUIRED", "SECRET", "DESCRIPTION")
    names = ("option", "type", "required", "secret", "description")
    print_table(headings, ([field[name] for name in names] for field in fields))

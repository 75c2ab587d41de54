"""What a person at a terminal is told when something fails: no traceback, no secret."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from labeldock.cli.showing import clean_text

if TYPE_CHECKING:
    from labeldock.contract.errors import LabeldockError

USAGE = 2
FAILURE = 1
INTERRUPTED = 130
_SEE_PROJECTS = "See those that exist with: labeldock project list"


def report_failure(error: Exception) -> int:
    """Say on standard error what failed and what to do; returns the exit code."""
    if _wants_traceback():
        traceback.print_exception(error)
    # Late: nobody who only asks for help waits for the contract.
    from labeldock.contract.errors import LabeldockError

    is_ours = isinstance(error, LabeldockError)
    if wants_json():
        typer.echo(json.dumps({"error": _shape(error)}, ensure_ascii=False), err=True)
    else:
        _print_lines(_describe(error) if is_ours else [*_explain_foreign(error)])
    return _choose_code(error) if is_ours else FAILURE


def wants_json() -> bool:
    """Whether the command was asked for JSON, so that its errors are JSON too."""
    return "--json" in sys.argv


def _shape(error: Exception) -> dict[str, object]:
    """An error as scripts read it; each problem of several is told beside them."""
    from labeldock.contract.errors import InvalidInput, LabeldockError

    if not isinstance(error, LabeldockError):
        message, *remedy = _explain_foreign(error)
        told = remedy[0] if remedy else None
        return {"code": "error", "message": message, "field": None, "remedy": told}
    problems = error.problems if isinstance(error, InvalidInput) else ()
    own_remedy = _find_remedy(error)
    first = problems[0] if len(problems) == 1 else error
    shaped: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "field": error.field or first.field,
        "remedy": own_remedy or first.remedy,
    }
    if problems:
        shaped["problems"] = [problem._asdict() for problem in problems]
    return shaped


def _explain_foreign(error: Exception) -> Iterator[str]:
    """What happened, and what to do about it if that is known."""
    if _is_database_failure(error):
        yield "The database cannot be used."
        yield "labeldock doctor says why."
    elif isinstance(error, OSError):
        yield _describe_system_error(error)
    else:
        from labeldock.host.loading import explain

        yield f"Something unexpected happened: {explain(error)}."
        yield "Please report it, with the traceback that LABELDOCK_DEBUG=1 shows."


def _wants_traceback() -> bool:
    return "--debug" in sys.argv or os.environ.get("LABELDOCK_DEBUG", "") not in {
        "",
        "0",
    }


def _print_lines(lines: list[str]) -> None:
    label = typer.style("error:", fg=typer.colors.RED, bold=True)
    typer.echo(f"{label} {clean_text(lines[0])}", err=True)
    for line in lines[1:]:
        typer.echo(f"  {clean_text(line)}", err=True)


def _describe(error: Exception) -> list[str]:
    from labeldock.contract.errors import InvalidInput, LabeldockError
    from labeldock.host.problems import render_problems

    assert isinstance(error, LabeldockError)
    problems = error.problems if isinstance(error, InvalidInput) else ()
    if problems:
        # Some messages hold the problems already, for logs that have one line.
        message = error.message.removesuffix(f": {render_problems(problems)}")
        return [message, *(join_text(p.field, p.message, p.remedy) for p in problems)]
    remedy = _find_remedy(error)
    details = join_text(error.field, remedy)
    return [error.message, details] if remedy else [_place(error)]


def _find_remedy(error: LabeldockError) -> str | None:
    """The error's own, or the command that helps; clients of the API have no use."""
    from labeldock.contract.errors import NotFound

    is_missing = isinstance(error, NotFound) and error.field == "project"
    return error.remedy or (_SEE_PROJECTS if is_missing else None)


def _place(error: Exception) -> str:
    text, field = str(error), getattr(error, "field", None)
    is_named = not field or field.lower() in text.lower()
    return text if is_named else f"{text} ({field})"


def join_text(field: str | None, *sentences: str | None) -> str:
    """`field: What is wrong. What to do.`, from parts that may be missing."""
    text = ""
    for part in filter(None, map(str.strip, filter(None, sentences))):
        text += _glue(text, part) + part
    return f"{field}: {text}" if field else text


def _glue(text: str, following: str) -> str:
    if not text or text[-1] in ".!?:;":
        return " " if text else ""
    return "; " if following[0].islower() else ". "


def _choose_code(error: Exception) -> int:
    from labeldock.contract import errors

    usage = (
        errors.ConfigurationError,
        errors.InvalidInput,
        errors.NotFound,
        errors.ProviderUnavailable,
        errors.UnknownProvider,
    )
    return USAGE if isinstance(error, usage) else FAILURE


def _is_database_failure(error: Exception) -> bool:
    # Not imported for this: if it is not loaded, it cannot be the one.
    module = sys.modules.get("sqlalchemy.exc")
    return module is not None and isinstance(error, module.SQLAlchemyError)


def _describe_system_error(error: OSError) -> str:
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or type(error).__name__}{place}"

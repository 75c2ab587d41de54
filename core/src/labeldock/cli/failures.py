"""What a person at a terminal is told when something fails: no traceback, no secret."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from labeldock.cli.showing import clean_text

USAGE = 2
FAILURE = 1
INTERRUPTED = 130


def report_failure(error: Exception) -> int:
    """Say on standard error what failed and what to do; returns the exit code."""
    if _wants_traceback():
        traceback.print_exception(error)
    # Late: nobody who only asks for help waits for the contract.
    from labeldock.contract.errors import LabeldockError

    if isinstance(error, LabeldockError):
        _print_lines(_describe(error))
        return _choose_code(error)
    if _is_database_failure(error):
        _print_lines(["The database cannot be used.", "labeldock doctor says why."])
    elif isinstance(error, OSError):
        _print_lines([_describe_system_error(error)])
    else:
        from labeldock.host.loading import explain

        remedy = "Please report it, with the traceback that LABELDOCK_DEBUG=1 shows."
        _print_lines([f"Something unexpected happened: {explain(error)}.", remedy])
    return FAILURE


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
    details = join_text(error.field, error.remedy)
    return [error.message, details] if error.remedy else [_place(error)]


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

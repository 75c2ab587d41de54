"""The reference page of the command line, written from the commands themselves.

`python -m labeldock.cli.reference > docs/reference/cli.md`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from labeldock.cli.application import build_application

HEADER = """# Command line

<!-- Written by `python -m labeldock.cli.reference`; a test keeps it current. -->

"""


def render_reference() -> str:
    """The whole page, in Markdown."""
    # The parser's classes are private to Typer, so they have no name here.
    root: Any = get_command(build_application())
    context = root.make_context("labeldock", ["--help"], resilient_parsing=True)
    return HEADER + "\n".join(_render_command(root, context, level=2))


def _render_command(command: Any, context: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{context.command_path}`\n"
    yield from _render_help(command)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```sh\n{context.command_path} {usage}\n```\n"
    yield from _render_options(command, context)
    for name in command.list_commands(context) if hasattr(command, "commands") else ():
        inner = command.commands[name]
        child = type(context)(inner, info_name=name, parent=context)
        yield from _render_command(inner, child, min(level + 1, 3))


def _render_help(command: Any) -> Iterator[str]:
    for paragraph in (command.help or "").strip().split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"


def _render_options(command: Any, context: Any) -> Iterator[str]:
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [record for record in records if record is not None]
    if not rows:
        return
    yield "| option | meaning |\n|---|---|"
    for names, meaning in rows:
        yield f"| `{_escape(names)}` | {_escape(meaning)} |"
    yield ""


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    typer.echo(render_reference(), nl=False)

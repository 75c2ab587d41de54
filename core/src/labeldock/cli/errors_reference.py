"""The reference page of the errors, made from their classes and tables of statuses.

python -m labeldock.cli.errors_reference > docs/reference/errors.md
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from labeldock.cli import failures
from labeldock.cli.error_texts import (
    FURTHER,
    REMEDIES,
    STATES,
    STATUSES_OF_REQUESTS,
)
from labeldock.contract.errors import LabeldockError, PluginError, StorageError
from labeldock.services.importing.formats.problems import UnusableFile
from labeldock.web.media.answers import find_media_status
from labeldock.web.problems import find_kinds_status

_HEAD: Final = """\
# Errors

<!-- Made by: python -m labeldock.cli.errors_reference > docs/reference/errors.md -->

Each kind of error has a code, which does not change, and a text, which may.
Scripts should look at codes and statuses; the text says what failed, on what, and what
to do about this very case.

Codes are shown in `problem` and `interruptions` of `/api/runs/N`, in
`/api/runs/N/errors`, in the deliveries of an export, in `traceback` of a storage, in
the answers of media, in the log, and in what commands print with `--json`.
The API answers as Label Studio does: its status tells the kind, its `detail` the rest,
and `validation_errors` has one entry for each field.
What is answered with 500, or with `correlation_id`, has its full story in the log under
that id, and nowhere else.

## Statuses of the API

| status | what it says | ask again? |
|---|---|---|
"""
_KINDS_HEAD: Final = """
| code | status, API | status, media | tried again | what happened | what to do |
|---|---|---|---|---|---|
"""
_REQUESTS: Final = """
## Requests and settings

Asking the same again does not help, unless something has changed.
"""
_PLUGINS: Final = """
## Plug-ins

They are about the plug-in itself, not about the storage behind it.
"""
_STORAGES: Final = """
## Storages

A provider raises these; *tried again* says whether a run that ended so is queued again
by itself ([when](../explanation/runs.md#attempts)).
"""
_FILES: Final = """
## Task files

One for each file that could not be imported; the others are not affected.
`labeldock run show N --errors 100` lists them, and what may stand in a file is in
[task formats](task-formats.md).
"""
_FILES_HEAD: Final = """
| code | what is wrong | what to do |
|---|---|---|
"""
_WORK: Final = """
## Runs

Of the machinery behind runs; people meet the first few.
"""
_STATES: Final = """
## How runs end

| state | because | what to do |
|---|---|---|
"""
_FURTHER: Final = """
## Findings

They are no errors that something was ended by, but words that stand in the same places.

| code | where | what it says | what to do |
|---|---|---|---|
"""
_EXITS: Final = f"""
## Exit codes of commands

| code | what it says |
|---|---|
| 0 | done |
| {failures.FAILURE} | it failed, or not all of it went well |
| {failures.USAGE} | the command, its input or the settings are wrong |
| {failures.INTERRUPTED} | interrupted; what was begun can be gone on with |
"""


def render_reference() -> str:
    """The page."""
    requests, plugins, storages, files, work = _sort_kinds()
    return "".join([
        _HEAD, *map(_render_status, STATUSES_OF_REQUESTS),
        _REQUESTS, _KINDS_HEAD, *map(_render_kind, requests),
        _PLUGINS, _KINDS_HEAD, *map(_render_kind, plugins),
        _STORAGES, _KINDS_HEAD, *map(_render_kind, storages),
        _WORK, _KINDS_HEAD, *map(_render_kind, work),
        _STATES, *(_join([f"`{state}`", *told]) for state, told in STATES.items()),
        _FILES, _FILES_HEAD, *map(_render_file, files),
        _FURTHER, *(_join([f"`{code}`", *told]) for code, told in FURTHER.items()),
        _EXITS,
    ])  # fmt: skip


def list_kinds() -> list[type[LabeldockError]]:
    """The kinds of errors of the application with a code of their own, bases first."""
    _import_all()
    own = [kind for kind in _walk(LabeldockError) if "code" in vars(kind)]
    return [kind for kind in own if kind.__module__.startswith("labeldock.")]


def _import_all() -> None:
    for package in ("host", "db", "services", "jobs", "web"):
        outer = importlib.import_module(f"labeldock.{package}")
        for each in pkgutil.walk_packages(outer.__path__, f"{outer.__name__}."):
            if ".migrations" not in each.name:
                importlib.import_module(each.name)


def _walk(kind: type[LabeldockError]) -> Iterator[type[LabeldockError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _walk(inner)


def _sort_kinds() -> tuple[list[type[LabeldockError]], ...]:
    sections: tuple[list[type[LabeldockError]], ...] = ([], [], [], [], [])
    for kind in dict.fromkeys(list_kinds()):
        sections[_find_section(kind)].append(kind)
    return sections


def _find_section(kind: type[LabeldockError]) -> int:
    if issubclass(kind, UnusableFile):
        return 3
    if issubclass(kind, StorageError):
        return 2
    if issubclass(kind, PluginError):
        return 1
    is_work = kind.__module__.startswith("labeldock.services") and kind.__bases__ == (
        LabeldockError,
    )
    return 4 if is_work else 0


def _render_kind(kind: type[LabeldockError]) -> str:
    return _join([
        f"`{kind.code}`",
        str(find_kinds_status(kind)),
        str(find_media_status(kind("x"))),
        "yes" if kind.retryable else "no",
        _describe(kind),
        REMEDIES[kind.code],
    ])  # fmt: skip


def _render_file(kind: type[LabeldockError]) -> str:
    return _join([f"`{kind.code}`", _describe(kind), REMEDIES[kind.code]])


def _render_status(row: tuple[int, str, str]) -> str:
    return _join([str(cell) for cell in row])


def _describe(kind: type[LabeldockError]) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def _join(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(render_reference())

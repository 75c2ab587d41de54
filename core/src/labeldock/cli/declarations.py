"""Reading a file of storages: YAML, with secrets that are named and not written there.

storages:
  - project: Birds                # its title or number
    title: Photos                 # by which the storage is known again
    provider: s3
    purpose: import               # or export
    schedule: every 15 minutes
    use_blob_urls: true
    options:
      bucket: photos
      aws_secret_access_key: {env: PHOTOS_SECRET}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem, Purpose

MAX_BYTES: Final = 1024 * 1024
_OWN: Final = ("project", "title", "provider", "purpose", "options")
_REFERENCES: Final = {"env", "file"}


@dataclass(slots=True)
class Declaration:
    """One storage of a file.

    Attributes:
        place: where in the file, such as `storages[2]`.
        project: number or title.
        title: of the storage.
        provider: name of the provider.
        purpose: import or export.
        values: all other settings, references replaced by what they stand for.
        references: names of the values that were given by reference.
    """

    place: str
    project: int | str
    title: str
    provider: str
    purpose: Purpose
    values: dict[str, Any]
    references: set[str] = field(default_factory=set)


class _Loader(yaml.SafeLoader):
    """The safe loader, which refuses a name that is given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_declarations(path: Path) -> list[Declaration]:
    """The storages of a file.

    Raises:
        InvalidInput: it cannot be read or is not of this form; names every place.
    """
    document = _load(path)
    entries = document.get("storages") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise refuse(path, [Problem("storages", "A list of storages is missing.")])
    unknown = [str(name) for name in document if name != "storages"]
    problems = [
        Problem(name, "Unknown.", "Only storages is known here.") for name in unknown
    ]
    declarations = []
    for number, entry in enumerate(entries):
        reader = _EntryReader(path, f"storages[{number}]", entry)
        declaration = reader.read()
        problems += reader.problems
        if declaration is not None:
            declarations.append(declaration)
    problems += _find_doubles(declarations)
    if problems:
        raise refuse(path, problems)
    return declarations


def refuse(path: Path, problems: list[Problem]) -> InvalidInput:
    """The error for a file with these problems."""
    return InvalidInput(f"{path} cannot be applied.", problems=problems)


def _load(path: Path) -> Any:  # whatever YAML knows
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise refuse(path, [Problem(None, f"{reason}.", "Give a YAML file.")]) from None
    if len(raw) > MAX_BYTES:
        raise refuse(path, [Problem(None, "It is larger than 1 MiB.")])
    try:
        return yaml.load(raw, Loader=_Loader)  # noqa: S506  it is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else None
        text = f"Not valid YAML: {error.problem or 'it cannot be parsed'}."
        raise refuse(path, [Problem(place, text)]) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise refuse(path, [Problem(None, "Not valid YAML in UTF-8.")]) from None


class _EntryReader:
    """Reads one entry, and collects what is wrong with it."""

    def __init__(self, path: Path, place: str, entry: Any) -> None:
        self._folder = path.parent
        self._place, self._entry = place, entry
        self.problems: list[Problem] = []
        self._references: set[str] = set()

    def read(self) -> Declaration | None:
        if not isinstance(self._entry, dict):
            self._complain(None, "A storage is a mapping of settings.")
            return None
        project = self._take("project", int, str)
        title, provider = self._take("title", str), self._take("provider", str)
        purpose = self._read_purpose()
        values = self._read_values()
        if self.problems:
            return None
        return Declaration(
            self._place, project, title, provider, purpose, values, self._references
        )

    def _take(self, name: str, *kinds: type) -> Any:  # of one of the kinds
        value = self._entry.get(name)
        if value is None or value == "":
            self._complain(name, "Missing.", f"Give the {name} of the storage.")
        elif not isinstance(value, kinds) or isinstance(value, bool):
            self._complain(name, "Text is required.", "Put it in quotes.")
        return value

    def _read_purpose(self) -> Purpose:
        value = self._entry.get("purpose", Purpose.IMPORT.value)
        if value in set(Purpose):
            return Purpose(value)
        self._complain("purpose", "Not a purpose.", "Give import or export.")
        return Purpose.IMPORT

    def _read_values(self) -> dict[str, Any]:
        options = self._entry.get("options") or {}
        if not isinstance(options, dict):
            self._complain("options", "Not a mapping of settings.")
            options = {}
        common = {k: v for k, v in self._entry.items() if k not in _OWN}
        values = {}
        for name, value in (*common.items(), *options.items()):
            if not isinstance(name, str):
                self._complain(str(name), "The name of a setting is text.")
            elif name in values:
                self._complain(name, "Given twice, in options too.")
            else:
                values[name] = self._resolve(name, value)
        return values

    def _resolve(self, name: str, value: Any) -> Any:
        """The value, or what a reference to a variable or a file stands for."""
        if (
            not isinstance(value, Mapping)
            or set(value) - _REFERENCES
            or len(value) != 1
        ):
            return value
        self._references.add(name)
        [(kind, target)] = value.items()
        if not isinstance(target, str) or not target:
            self._complain(name, f"The name of the {kind} is missing.")
            return None
        return (
            self._read_variable(name, target)
            if kind == "env"
            else self._read_file(name, target)
        )

    def _read_variable(self, name: str, variable: str) -> str | None:
        value = os.environ.get(variable)
        if not value:
            text = f"The environment variable {variable} is not set."
            self._complain(name, text, f"Set {variable}, or name another one.")
        return value

    def _read_file(self, name: str, target: str) -> str | None:
        path = self._folder / target
        try:
            return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            self._complain(name, f"{path}: {reason}.", "Name a file that is there.")
        except UnicodeDecodeError:
            self._complain(name, f"{path} is not text in UTF-8.")
        return None

    def _complain(
        self, name: str | None, message: str, remedy: str | None = None
    ) -> None:
        place = f"{self._place}.{name}" if name else self._place
        self.problems.append(Problem(place, message, remedy))


def _find_doubles(declarations: list[Declaration]) -> list[Problem]:
    seen: dict[tuple[object, ...], str] = {}
    problems = []
    for each in declarations:
        identity = (str(each.project), each.purpose, each.title)
        first = seen.setdefault(identity, each.place)
        if first != each.place:
            text = f"The same project, purpose and title as {first}."
            problems.append(Problem(f"{each.place}.title", text, "Choose another."))
    return problems

"""Who imports whom, read from the source and not from a running interpreter."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sources import Module


@dataclass(frozen=True)
class Import:
    """One import statement's edge.

    `is_late` says that it stands in a function, and runs when that is called.
    """

    importer: str
    target: str
    path: Path
    line: int
    is_late: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.importer} imports {self.target}"


def list_imports(module: Module, known: Collection[str]) -> list[Import]:
    """Every import of a module that runs; those under TYPE_CHECKING do not.

    `from package import name` is an import of `package.name` if that is a known module,
    else of the package.
    """
    found = _walk(module.tree.body, is_late=False)
    return [
        Import(module.name, target, module.path, node.lineno, late)
        for node, late in found
        for target in _targets(node, module, known)
    ]


def _walk(
    nodes: list[ast.stmt] | list[ast.AST], *, is_late: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, is_late
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _walk(node.orelse, is_late=is_late)
        else:
            late = is_late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _walk(list(ast.iter_child_nodes(node)), is_late=late)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _targets(
    node: ast.Import | ast.ImportFrom, module: Module, known: Collection[str]
) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = _absolute(node, module)
    names = [f"{package}.{alias.name}" for alias in node.names]
    modules = [name for name in names if name in known]
    return modules if len(modules) == len(names) else [package, *modules]


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    up = node.level - 1 if module.is_package else node.level
    parents = module.name.split(".")[: -up or None]
    return ".".join([*parents, *(node.module or "").split(".")]).rstrip(".")

"""The floors of the house, and the rules of who may import whom."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.imports import Import, list_imports
from tests.architecture.sources import Module, list_modules

# A module imports from its own floor and from lower ones.
FLOORS = {
    "contract": 0,
    "host": 1,
    "settings": 1,
    "team_settings": 1,
    "telemetry": 1,
    "metrics": 1,
    "tracing": 1,
    "watch_settings": 1,
    "db": 2,
    "services": 3,
    "jobs": 4,
    "web": 4,
    "cli": 5,
    "testing": 5,
}

# On one floor, and yet they never meet: both call the services.
APART = {"jobs", "web"}

# The door stands outside the house: `labeldock` re-exports the contract, and
# `python -m labeldock` opens the command line.
DOORS = {"labeldock", "labeldock.__main__"}

# The one part of the kit that is not for tests: `labeldock new-provider` renders it.
SCAFFOLD = "labeldock.testing.scaffold"

# What works without the extra [app], and what it needs.
BASE = {"contract", "host", "testing"}
BASE_NEEDS = {"pluggy", "pydantic", "pydantic_core"}
KIT_NEEDS = {"hypothesis", "pytest"}


def find_breaches(core: Path, plugins: Iterable[Path] = ()) -> list[str]:
    """Every import that the floors forbid, one line each."""
    breaches = list(_breaches_of_core(core))
    for plugin in plugins:
        breaches += _breaches_of_plugin(plugin, core)
    return breaches


def find_cycle(core: Path) -> list[str]:
    """The modules of one import cycle, or an empty list."""
    imports = _imports_of(core)
    known = {module.name for module in list_modules(core)}
    graph: dict[str, set[str]] = {}
    for edge in imports:
        if not edge.is_late and edge.target in known:
            graph.setdefault(edge.importer, set()).add(edge.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _imports_of(source_root: Path, *beside: Path) -> list[Import]:
    modules = list_modules(source_root)
    others = [module for root in beside for module in list_modules(root)]
    known = {module.name for module in [*modules, *others]}
    return [edge for module in modules for edge in list_imports(module, known)]


def _breaches_of_core(core: Path) -> Iterator[str]:
    modules = list_modules(core)
    yield from _homeless(modules)
    for edge in _imports_of(core):
        reason = _forbidden_in_core(edge)
        if reason:
            yield f"{edge}: {reason}"


def _homeless(modules: list[Module]) -> Iterator[str]:
    for package in {_package(module.name) for module in modules}:
        if package not in FLOORS and package not in DOORS:
            yield f"labeldock.{package} stands on no floor: add it to the table"


def _package(name: str) -> str:
    """`contract` for `labeldock.contract.errors`; a door's whole name for a door."""
    return name if name in DOORS else name.split(".")[1]


def _forbidden_in_core(edge: Import) -> str | None:
    root = edge.target.split(".")[0]
    if root != "labeldock":
        return _forbidden_outside(edge, root)
    importer, target = _package(edge.importer), _package(edge.target)
    if importer in DOORS or importer == target:
        return None
    return _forbidden_inside(importer, target, edge.target)


def _forbidden_inside(importer: str, target: str, edge_target: str) -> str | None:
    if target in DOORS:
        return "the door opens inwards; import from the package itself"
    if target == "testing" and edge_target != SCAFFOLD:
        return "the kit is for tests"
    if importer in BASE and target not in BASE:
        return "the base does not know the application"
    here, there = FLOORS.get(importer, 0), FLOORS.get(target, 0)
    if {importer, target} == APART or there > here:
        return f"{importer} (floor {here}) may not import {target} (floor {there})"
    return None


def _forbidden_outside(edge: Import, root: str) -> str | None:
    if root.startswith("labeldock_"):
        return "nothing in core imports a provider"
    importer = _package(edge.importer)
    needs = BASE_NEEDS | (KIT_NEEDS if importer == "testing" else set())
    if importer in BASE | DOORS and root not in needs | sys.stdlib_module_names:
        return "the base imports the standard library, pluggy and pydantic only"
    return None


def _breaches_of_plugin(plugin: Path, core: Path) -> Iterator[str]:
    own = {module.name.split(".")[0] for module in list_modules(plugin)}
    project = tomllib.loads((plugin.parent / "pyproject.toml").read_text("utf-8"))
    needs = {canonicalize_name(Requirement(line).name) for line in _required(project)}
    for edge in _imports_of(plugin, core):
        reason = _forbidden_in_plugin(edge, own, needs)
        if reason:
            yield f"{edge}: {reason}"


def _required(project: dict[str, dict[str, list[str]]]) -> list[str]:
    return project["project"].get("dependencies", [])


def _forbidden_in_plugin(edge: Import, own: set[str], needs: set[str]) -> str | None:
    root = edge.target.split(".")[0]
    if root in own | BASE_NEEDS | sys.stdlib_module_names:
        return None
    if root == "labeldock":
        inside = _package(edge.target)
        is_open = inside in {"labeldock", "contract"}
        return None if is_open else "a provider imports the contract alone"
    if root.startswith("labeldock_"):
        return "a provider does not know another one"
    brings = {
        canonicalize_name(name) for name in packages_distributions().get(root, ())
    }
    return None if brings & needs else f"{root} is no dependency in its pyproject.toml"

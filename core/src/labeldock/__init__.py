"""Labeldock connects cloud buckets to annotation projects.

The provider contract is importable from here: `from labeldock import hookimpl`. Names
are loaded when they are first used, so that `import labeldock` alone costs next to
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeldock.contract import *  # noqa: F403  the contract is the public face

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # whatever the contract exports under that name
    if name.startswith("__"):
        raise AttributeError(name)
    contract = import_module("labeldock.contract")
    if name in contract.__all__:
        return getattr(contract, name)
    raise AttributeError(f"module 'labeldock' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("labeldock.contract").__all__})

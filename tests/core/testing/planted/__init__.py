"""Providers that are wrong on purpose, each with the scenario that has to notice."""

from __future__ import annotations

from typing import NamedTuple

from labeldock.testing.memory import MemoryProvider
from labeldock.testing.memory_rig import MemoryRig
from tests.core.testing.shelf.rig import ShelfRig


class Planted(NamedTuple):
    """A fault and who notices it."""

    scenario: str
    rig: type


PLANTED: dict[str, Planted] = {}


def plant(scenario, **rig_attributes):
    """Register a wrong provider under its name."""

    def decorate(provider):
        base = MemoryRig if issubclass(provider, MemoryProvider) else ShelfRig
        attributes = {"provider_class": provider, "examples": 10, **rig_attributes}
        rig = type(f"{provider.__name__}Rig", (base,), attributes)
        PLANTED[provider.__name__] = Planted(scenario, rig)
        return provider

    return decorate

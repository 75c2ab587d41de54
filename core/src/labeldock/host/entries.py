"""What the host says about each installed plug-in, loaded or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PluginStatus(StrEnum):
    """What became of a plug-in.

    LOADED: it is in use.
    DISABLED: the operator's allow or block list keeps it out; it was not imported.
    FAILED: its import, its checks or its settings failed.
    CLASHING: it and another one claim the same name; neither is used.
    INCOMPATIBLE: it was written for another version of the contract.
    """

    LOADED = "loaded"
    DISABLED = "disabled"
    FAILED = "failed"
    CLASHING = "clashing"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One line of `labeldock plugins`. `reason` is None if it is loaded."""

    name: str
    group: str
    distribution: str
    version: str
    status: PluginStatus
    reason: str | None = None

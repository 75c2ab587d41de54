"""The plug-in host: finds providers, loads them in isolation and calls them safely.

Part of the base distribution: the standard library, pluggy, pydantic and the contract,
and nothing else. Importing it imports no plug-in.
"""

from __future__ import annotations

from labeldock.host.binding import BoundProvider
from labeldock.host.catalog import Catalog, load_catalog
from labeldock.host.discovery import Choice, EntryPointSource
from labeldock.host.entries import CatalogEntry, PluginStatus
from labeldock.host.listing import dump_plugins, render_plugins
from labeldock.host.references import (
    build_storage_ref,
    upgrade_settings,
    validate_options,
)

__all__ = [
    "BoundProvider",
    "Catalog",
    "CatalogEntry",
    "Choice",
    "EntryPointSource",
    "PluginStatus",
    "build_storage_ref",
    "dump_plugins",
    "load_catalog",
    "render_plugins",
    "upgrade_settings",
    "validate_options",
]

"""Catalogs of plug-ins that are not installed, for tests.

catalog = build_catalog(MemoryProvider())
catalog.provider("memory").list_objects(...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, EntryPoint
from os import PathLike
from pathlib import Path

from labeldock.contract import PLUGIN_GROUP, PROVIDER_GROUP, StorageProvider
from labeldock.host import Catalog, EntryPointSource, load_catalog


class FakeDistribution(Distribution):
    """The metadata of a package that is nowhere on disk."""

    def __init__(self, name: str, version: str = "1.0") -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        """The METADATA file, and no other."""
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        """Where a file would be."""
        return Path(path)


class FakeEntryPoint(EntryPoint):
    """An entry point whose `load` is a function that the test gives."""

    def __init__(
        self,
        name: str,
        load: Callable[[], object],
        *,
        group: str = PROVIDER_GROUP,
        distribution: Distribution | None = None,
    ) -> None:
        super().__init__(name=name, value=f"fake_{name}.plugin:plugin", group=group)
        owner = distribution or FakeDistribution(f"labeldock-{name}")
        vars(self).update(dist=owner, load=load)  # entry points are immutable


def build_source(entries: Iterable[EntryPoint]) -> EntryPointSource:
    """What `load_catalog` takes as `entry_points`."""
    known = tuple(entries)

    def list_group(group: str) -> tuple[EntryPoint, ...]:
        return tuple(entry for entry in known if entry.group == group)

    return list_group


def build_catalog(
    *providers: StorageProvider,
    plugins: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Catalog:
    """A catalog of these providers, with these wrappers and observers by name.

    Raises:
        PluginError: one of them is not as the contract wants it.
    """
    entries = [FakeEntryPoint(p.describe().name, _always(p)) for p in providers]
    entries += [
        FakeEntryPoint(name, _always(plugin), group=PLUGIN_GROUP)
        for name, plugin in (plugins or {}).items()
    ]
    source = build_source(entries)
    return load_catalog(environment=environment or {}, strict=True, entry_points=source)


def _always(plugin: object) -> Callable[[], object]:
    return lambda: plugin

"""The table of hooks and their implementations, closed once it is complete."""

from __future__ import annotations

import pluggy

from labeldock.contract import Observer, PluginError, StorageProvider
from labeldock.contract.provider import PROJECT_NAME


class Hooks(pluggy.PluginManager):
    """A pluggy manager that knows the contract and refuses changes when frozen.

    The callers that reach one provider are cut by naming the others, so a provider
    registered afterwards would leak into all of them.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT_NAME)
        self._is_frozen = False
        self.add_hookspecs(StorageProvider)
        self.add_hookspecs(Observer)

    def freeze(self) -> None:
        """Check that every implementation has its spec, then take no more."""
        self.check_pending()
        self._is_frozen = True

    def register(self, plugin: object, name: str | None = None) -> str | None:
        if self._is_frozen:
            raise PluginError("plug-ins cannot be registered once the host has started")
        return super().register(plugin, name)

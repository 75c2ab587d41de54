"""The kit's HTTP scenarios can be fulfilled: a provider for a tiny store does."""

from __future__ import annotations

from labeldock.testing.suites import ProviderSuite
from tests.core.testing.shelf.rig import ShelfRig


class TestShelf(ProviderSuite):
    rig_class = ShelfRig

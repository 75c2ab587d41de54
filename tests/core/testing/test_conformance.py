"""The in-memory reference provider, held to the conformance kit."""

from __future__ import annotations

from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.suites import ProviderSuite


class TestMemory(ProviderSuite):
    rig_class = MemoryRig

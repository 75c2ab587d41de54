"""The local provider, held to the conformance kit."""

from __future__ import annotations

from labeldock.testing.suites import ProviderSuite
from tests.plugins.local.rig import LocalRig


class TestLocal(ProviderSuite):
    rig_class = LocalRig

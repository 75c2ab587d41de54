"""The conformance kit, on the fake or on a real bucket."""

from __future__ import annotations

from labeldock.testing.suites import ProviderSuite
from tests.plugins.gcs.rig import find_rig


class TestGcs(ProviderSuite):
    rig_class = find_rig()

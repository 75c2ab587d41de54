"""The provider of Azure is held to every scenario of the kit."""

from __future__ import annotations

from labeldock.testing.suites import ProviderSuite
from tests.plugins.azure.rig import CONTAINER, AzuriteRig, ContainerRig


class TestAzurite(ProviderSuite):
    rig_class = AzuriteRig


if CONTAINER:

    class TestContainer(ProviderSuite):
        rig_class = ContainerRig

"""What all suites share: the rig once per class, and a bench per scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from labeldock.testing.bench import Bench, Workplace
from labeldock.testing.rig import ProviderRig
from labeldock.testing.support import NOTE


class Suite:
    """A family of scenarios. A subclass names its rig and changes nothing else."""

    rig_class: ClassVar[type[ProviderRig]]
    """The rig that the scenarios are played on."""

    @pytest.fixture(scope="class")
    @classmethod
    def workplace(cls, request: pytest.FixtureRequest) -> Iterator[Workplace]:
        """The provider, bound, and its rig, ready to be used."""
        rig = cls.rig_class()
        rig.start(request)
        try:
            yield Workplace(rig)
        finally:
            rig.stop()

    @pytest.fixture
    def bench(
        self,
        workplace: Workplace,
        record_property: Callable[[str, object], None],
    ) -> Iterator[Bench]:
        """An empty container of its own for each scenario."""
        with workplace.hold_bench(lambda text: record_property(NOTE, text)) as bench:
            yield bench

"""The suites: families of scenarios, and `ProviderSuite` with all of them.

class TestShelf(ProviderSuite):
    rig_class = ShelfRig
"""

from __future__ import annotations

from labeldock.testing.suites.annotations import AnnotationSuite
from labeldock.testing.suites.conditions import ConditionSuite
from labeldock.testing.suites.errors import ErrorSuite
from labeldock.testing.suites.life import LifeSuite
from labeldock.testing.suites.listing import ListingSuite
from labeldock.testing.suites.outages import OutageSuite
from labeldock.testing.suites.paging import PagingSuite
from labeldock.testing.suites.presign import PresignSuite
from labeldock.testing.suites.properties import PropertySuite
from labeldock.testing.suites.reading import ReadingSuite
from labeldock.testing.suites.streams import StreamSuite
from labeldock.testing.suites.validation import ValidationSuite

__all__ = [
    "AnnotationSuite",
    "ConditionSuite",
    "ErrorSuite",
    "LifeSuite",
    "ListingSuite",
    "OutageSuite",
    "PagingSuite",
    "PresignSuite",
    "PropertySuite",
    "ProviderSuite",
    "ReadingSuite",
    "StreamSuite",
    "ValidationSuite",
]


class ProviderSuite(
    ListingSuite,
    PagingSuite,
    ReadingSuite,
    StreamSuite,
    PresignSuite,
    AnnotationSuite,
    ConditionSuite,
    PropertySuite,
    ValidationSuite,
    ErrorSuite,
    OutageSuite,
    LifeSuite,
):
    """Every scenario that there is."""

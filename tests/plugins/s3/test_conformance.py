"""The provider of S3 is held to every scenario of the kit."""

from __future__ import annotations

from labeldock.testing.suites import ProviderSuite
from tests.plugins.s3.rig import BUCKET, BucketRig, MotoRig, SwiftRig


class TestMoto(ProviderSuite):
    rig_class = MotoRig


class TestSwift(ProviderSuite):
    rig_class = SwiftRig


if BUCKET:

    class TestBucket(ProviderSuite):
        rig_class = BucketRig

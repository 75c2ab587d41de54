"""A served fake of Google Cloud Storage: see docs/explanation/gcs-fake.md."""

from __future__ import annotations

from tests.servers.gcs.accounts import ServiceAccount
from tests.servers.gcs.faults import Fault
from tests.servers.gcs.server import GcsServer, run_gcs

__all__ = ["Fault", "GcsServer", "ServiceAccount", "run_gcs"]

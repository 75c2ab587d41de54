"""Use cases: no HTTP types, no queue types, plain values in and out."""

from __future__ import annotations

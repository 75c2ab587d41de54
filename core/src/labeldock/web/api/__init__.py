"""The API: Label Studio's paths and shapes, and the runs of our own."""

from __future__ import annotations

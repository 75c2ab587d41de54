"""Dramatiq: broker, actors, polling. The queue only says that a run wants work."""

from __future__ import annotations

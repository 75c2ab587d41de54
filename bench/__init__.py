"""Repeatable measurements, each against the least that the same work could cost."""

from __future__ import annotations

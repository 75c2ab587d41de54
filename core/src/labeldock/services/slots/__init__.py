"""Slots: where a project's references belong, connected, kept or detached."""

from __future__ import annotations

"""Backups: a project, or a part of it, as one archive; made, kept, shown, restored."""

from __future__ import annotations

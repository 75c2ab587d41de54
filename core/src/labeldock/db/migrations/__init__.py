"""Alembic migrations, shipped inside the package."""

from __future__ import annotations

"""Restoring: archives taken in, checked as a whole, and made into projects."""

from __future__ import annotations

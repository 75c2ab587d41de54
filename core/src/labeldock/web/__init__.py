"""The Starlette application: API, console, media."""

from __future__ import annotations

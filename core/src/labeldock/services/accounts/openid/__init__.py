"""Logging in with an OpenID provider: asking it, and finding whose account it is."""

from __future__ import annotations

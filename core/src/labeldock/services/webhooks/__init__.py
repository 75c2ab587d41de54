"""Webhooks: who is told what happens, what waits to be told, and how it is sent."""

from __future__ import annotations

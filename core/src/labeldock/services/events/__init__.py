"""Notifications of buckets: understood, kept in an inbox, and drained by runs."""

from __future__ import annotations

"""The database: engine, tables, bulk inserts, secrets at rest, migrations."""

from __future__ import annotations

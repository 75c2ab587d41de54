"""Moving over the projects of a running Label Studio, by its own API."""

from __future__ import annotations

"""From a listing to tasks: walk, difference, parse, commit, page by page."""

from __future__ import annotations

"""Persistent storage: where uploads, avatars, archives and restored media are kept.

Not a cloud storage: nobody connects it to a project, nothing is imported from it, and
only Labeldock itself writes there.
"""

from __future__ import annotations

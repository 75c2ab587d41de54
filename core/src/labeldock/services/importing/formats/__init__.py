"""Task files: which objects are some, and the tasks that each of them holds.

One module for each format, and what they share: limits, errors, the meaning of a row.
Nothing here knows storages or the database.
"""

from __future__ import annotations

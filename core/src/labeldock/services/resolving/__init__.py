"""From a URI in task data to media: find, choose the storage, sign or stream."""

from __future__ import annotations

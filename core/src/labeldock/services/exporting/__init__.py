"""From an annotation to an object: outbox, key, payload, delivery."""

from __future__ import annotations

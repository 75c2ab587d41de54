"""`labeldock demo`: the main job from end to end, on samples or on a folder."""

from __future__ import annotations

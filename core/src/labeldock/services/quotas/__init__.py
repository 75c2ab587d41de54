"""What a team may use: limits, usage beside them, and the check before more is used."""

from __future__ import annotations

from labeldock.services.quotas.limits import Limit, find_limit, find_limits
from labeldock.services.quotas.rooms import (
    QuotaExceeded,
    find_room,
    find_team,
    require_room,
    require_team_room,
)

__all__ = [
    "Limit",
    "QuotaExceeded",
    "find_limit",
    "find_limits",
    "find_room",
    "find_team",
    "require_room",
    "require_team_room",
]

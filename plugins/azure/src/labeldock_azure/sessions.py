"""HTTP sessions: many connections, and none to where nobody may go.

Imported on first use only, since it brings the SDK's own foundation.
"""

from __future__ import annotations

from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter

from labeldock.contract import CheckPeer, guard_pools


class GuardedAdapter(HTTPAdapter):  # type: ignore[misc] # no types
    """An adapter that looks whom it has connected to."""

    def __init__(self, connections: int, check_peer: CheckPeer | None) -> None:
        self._check_peer = check_peer
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # as in requests
        super().init_poolmanager(*args, **kwargs)
        if self._check_peer:
            self.poolmanager.pool_classes_by_scheme = guard_pools(
                self.poolmanager.pool_classes_by_scheme, self._check_peer
            )


def build_session(connections: int, check_peer: CheckPeer | None) -> Any:
    """What the SDK would make itself, with as many connections as threads read."""
    session = Session()
    adapter = GuardedAdapter(connections, check_peer)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

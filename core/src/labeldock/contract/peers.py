"""Looking whom a connection was made to, before anything is sent over it.

The host checks the addresses of a storage's endpoints, and an SDK resolves the names
again by itself, maybe to others. So a provider of a network asks once more, when its
SDK has connected: `storage.check_peer`, if there is one, with the host and the address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CheckPeer = Callable[[str, str], None]
"""Takes a host and the numeric address it was found at; raises if that is forbidden."""


def guard_pools(pools: Mapping[str, Any], check_peer: CheckPeer) -> dict[str, Any]:
    """Pool classes of urllib3 whose connections are checked as soon as they stand.

    For `PoolManager.pool_classes_by_scheme`, which everything that is made of urllib3
    has somewhere: requests, botocore, and the SDKs that are made of them. Managers of
    proxies are left alone, since there the proxy decides.

    Args:
        pools: the classes by scheme, as they are.
        check_peer: see above; what it raises ends the attempt to connect.
    """
    return {scheme: _guard(pool, check_peer) for scheme, pool in pools.items()}


def _guard(pool: Any, check_peer: CheckPeer) -> Any:  # a class, of urllib3 or below it
    class GuardedConnection(pool.ConnectionCls):  # type: ignore[misc] # see above
        def _new_conn(self) -> Any:  # a socket, of whatever kind
            connected = super()._new_conn()
            try:
                check_peer(self.host, connected.getpeername()[0])
            except BaseException:
                connected.close()
                raise
            return connected

    return type(pool.__name__, (pool,), {"ConnectionCls": GuardedConnection})

"""The sockets that the service listens on.

Several web processes each have a socket of their own at the same address, and the
kernel deals connections out to them (SO_REUSEPORT of Linux). Of one socket that all
share, whichever process wakes first takes every connection that waits.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from labeldock.contract.errors import InvalidInput

_BACKLOG: Final = 2048
_CAN_SHARE: Final = sys.platform == "linux"  # others let the newest socket have all


class SharedAddress(socket.socket):
    """A socket that is bound and never listens; sent to a process, it is made anew.

    So the address stays taken while processes come and go, and a process that dies
    takes nothing with it but its own connections.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process makes of it: a socket of its own at this address."""
        return SharedAddress.bound, (self.family, self.getsockname()[:2])

    @classmethod
    def bound(cls, family: int, address: tuple[str, int]) -> SharedAddress:
        """One more socket at an address; its others are this user's, too."""
        shared = cls(family, socket.SOCK_STREAM)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(address)
        return shared


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens there, alone.

    Raises:
        InvalidInput: the address is not one of this machine's, or the port is taken.
    """
    with explained(host, port):
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def share_address(listener: socket.socket) -> socket.socket:
    """A listener's address in the form that several processes take.

    Raises:
        InvalidInput: somebody else took the port in that moment.
    """
    if not _CAN_SHARE:
        return listener
    family, address = listener.family, listener.getsockname()[:2]
    listener.close()
    with explained(*address):
        return SharedAddress.bound(family, address)


@contextmanager
def explained(host: str, port: int) -> Iterator[None]:
    """Say what is wrong with an address that cannot be listened on.

    Raises:
        InvalidInput: in place of the system's error.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or "it is taken"
        raise InvalidInput(
            f"The service cannot listen on {host}, port {port}: {reason}.",
            field="port",
            remedy="Choose another one with --port, or --host.",
        ) from None

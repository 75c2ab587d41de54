"""A watch over the network use of a piece of code."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

WAYS_OUT: Final = ("connect", "connect_ex", "send", "sendall", "sendto")


@contextmanager
def block_network() -> Iterator[list[str]]:
    """Let nothing out of this process, and list what tried to get there."""
    tried: list[str] = []
    with ExitStack() as stack:
        for name in WAYS_OUT:
            stack.enter_context(patch.object(socket.socket, name, _refuse(name, tried)))
        for name in ("getaddrinfo", "create_connection"):
            stack.enter_context(patch.object(socket, name, _refuse(name, tried)))
        yield tried


def _refuse(name: str, tried: list[str]) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:  # whatever that function takes
        del args, kwargs
        tried.append(name)
        raise ConnectionRefusedError(f"socket.{name} is blocked")

    return refuse

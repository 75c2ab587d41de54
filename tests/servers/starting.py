"""Servers that a test asks for: started, or the reason why not."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import pytest

from tests.servers.process import ServerMissing

T = TypeVar("T")


def start_server(stack: ExitStack, server: AbstractContextManager[T]) -> T:
    """Start it; without its program the test is skipped, or fails where CI is set."""
    try:
        return stack.enter_context(server)
    except ServerMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))

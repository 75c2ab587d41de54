"""A storage's own certificate authorities, as the path that TLS libraries ask for."""

from __future__ import annotations

import os
import tempfile
from typing import IO


def open_authorities(pem: str) -> IO[str]:
    """An open file with the certificates; it is gone as soon as it is closed.

    It is read whenever a connection is made. In memory where the system can, since
    files in the temporary folder are swept away after some days.
    """
    if hasattr(os, "memfd_create"):
        file: IO[str] = os.fdopen(os.memfd_create("labeldock-authorities"), "w")
    else:
        file = tempfile.NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115  stays open
    file.write(pem)
    file.flush()
    return file


def find_path(file: IO[str]) -> str:
    """Where others can open the file."""
    if isinstance(file.name, int):
        return f"/proc/self/fd/{file.name}"
    return file.name

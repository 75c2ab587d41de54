"""The command line of the application: `labeldock`.

`main` alone is public. Modules here import nothing heavy at the top: a command imports
what it needs when it runs, so that `labeldock --help` is quick.
"""

from __future__ import annotations

import sys

# structlog imports Rich, where there is one, for tracebacks that are never shown here:
# they would hold the values of variables. Without it a process is 4 MB smaller.
if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401  imported now, so that it finds no Rich
    finally:
        del sys.modules["rich"]

from labeldock.cli.application import main

__all__ = ["main"]

"""The command line of the application: `labeldock`.

`main` alone is public. Modules here import nothing heavy at the top: a command imports
what it needs when it runs, so that `labeldock --help` is quick.
"""

from __future__ import annotations

from labeldock.cli.application import main

__all__ = ["main"]

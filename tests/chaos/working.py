"""What runs in the processes that are killed: a worker like `labeldock worker`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.jobs.worker import Worker
from labeldock.services.context import open_context
from labeldock.settings import Settings
from labeldock.telemetry import configure_logging


def work(values: dict[str, Any], log: Path) -> None:
    """Take work until the process is killed."""
    _write_output_to(log)

    settings = Settings(**values)
    configure_logging(settings)
    app = open_context(settings)
    broker = build_broker(settings)
    Worker(attach_bell(app, broker), broker).start()
    while True:
        signal.pause()


def _write_output_to(log: Path) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)

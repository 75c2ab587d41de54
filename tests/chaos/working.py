"""What runs in the processes that are killed: `labeldock worker`, `labeldock serve`.

The same code as behind these commands. Some waits are shorter, so that a story with
twenty faults takes seconds: those after a failure of a run or of a webhook, and
Dramatiq's before it asks a Redis again that went away.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NoReturn

import boto3
import dramatiq.worker
import uvicorn

import labeldock.db.schema
import labeldock.jobs.worker
import labeldock.web.app
from labeldock.cli import serving
from labeldock.services import leases
from labeldock.services.importing import walk
from labeldock.services.webhooks import delivery

PRELOADED = (boto3, uvicorn, labeldock.db.schema, labeldock.web.app)
"""What a process needs sooner or later, imported before it is forked."""


def work(values: dict[str, Any], log: Path) -> None:
    """Take work until the process is told to end, or killed."""
    _prepare(values, log)
    serving.work()


def serve(values: dict[str, Any], log: Path, port: int) -> None:
    """Answer requests, and work too if there is no broker."""
    _prepare(values, log)
    serving.serve(port=port)


def work_clumsily(values: dict[str, Any], log: Path) -> None:
    """Work, with a fault of our own in every slice of an import."""

    def stumble(*_: object) -> NoReturn:
        raise ZeroDivisionError

    walk.fetch_page = stumble
    work(values, log)


def work_greedily(values: dict[str, Any], log: Path) -> None:
    """Work, and take more and more memory in every slice of an import."""
    taken = []

    def take(*_: object) -> NoReturn:
        while True:
            taken.append(b"x" * 2**23)
            time.sleep(0.005)

    walk.fetch_page = take
    work(values, log)


def _prepare(values: dict[str, Any], log: Path) -> None:
    _write_output_to(log)
    for name, value in values.items():
        os.environ[f"LABELDOCK_{name.upper()}"] = str(value)
    leases.BACKOFF_SECONDS = 0.2  # type: ignore[misc]
    dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = 0.2
    _hurry_webhooks()


def _hurry_webhooks() -> None:
    delivery.FIRST_PAUSE = 0.05  # type: ignore[misc]
    delivery.LONGEST_REST = 0.05  # type: ignore[misc]
    delivery.MARGIN = 1.0  # type: ignore[misc]
    delivery.MAX_ATTEMPTS = 1000  # type: ignore[misc]


def _write_output_to(log: Path) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)

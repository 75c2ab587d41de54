"""What a worker does beside its work, each now and then: signs of life, history."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from labeldock.db.columns import utc_now
from labeldock.services import (
    audit_log,
    progress_history,
    run_history,
    worker_signs,
)
from labeldock.services.backups.housekeeping import tidy_up
from labeldock.services.context import AppContext
from labeldock.services.rotation import rotate_in_background

_SIGN_SECONDS: Final = worker_signs.PERIOD.total_seconds()
_POINT_SECONDS: Final = 60.0
_PURGE_SECONDS: Final = 3600.0
_TIDY_SECONDS: Final = 60.0
_ROTATION_SECONDS: Final = 300.0
_log = structlog.get_logger(__name__)


def name_process() -> str:
    """A name for this worker process that tells people where it is."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Chores:
    """The chores of one worker; called by its poll alone."""

    def __init__(self, app: AppContext, name: str) -> None:
        """Do nothing yet."""
        self._app, self._name = app, name
        self._started_at = utc_now()
        self._signed = self._noted = self._tidied = float("-inf")
        self._purged = self._rotated = float("-inf")
        self._rotation: Iterator[None] = iter(())
        self._forgetting: Iterator[None] = iter(())

    def do_due(self) -> None:
        """Do what time has come for."""
        now = time.monotonic()
        if now - self._signed >= _SIGN_SECONDS:
            self._signed = now
            worker_signs.give_sign(self._app, self._name, self._started_at)
        if now - self._noted >= _POINT_SECONDS:
            self._noted = now
            progress_history.note_points(self._app)
        if now - self._tidied >= _TIDY_SECONDS:
            self._tidied = now
            tidy_up(self._app)
        if now - self._purged >= _PURGE_SECONDS:
            self._purged = now
            audit_log.purge_entries(self._app)
            self._forgetting = run_history.forget_old_runs(self._app)
        next(self._forgetting, None)  # a page at most, since runs wait for the poll
        self._rotate_secrets(now)

    def _rotate_secrets(self, now: float) -> None:
        """One batch at most, since runs wait for the poll."""
        if next(self._rotation, self) is not self:
            return
        if now - self._rotated >= _ROTATION_SECONDS:
            self._rotated = now
            self._rotation = rotate_in_background(self._app)

    def end(self) -> None:
        """Take back the sign of life of a worker that stops, if it gave one."""
        if self._signed == float("-inf"):
            return
        try:
            worker_signs.withdraw_sign(self._app, self._name)
        except SQLAlchemyError:  # it is forgotten after a day
            _log.info("sign_not_withdrawn", exc_info=True)

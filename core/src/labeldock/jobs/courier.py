"""Sends webhooks from threads of its own, so that no receiver holds up a run.

Each webhook is served by one thread of a process at a time; one that answers slowly
takes no more than that.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from labeldock.services.context import AppContext
from labeldock.services.webhooks import delivery

_IN_A_ROW: Final = 50
"""Messages after which a webhook makes room for the others."""
_CLEANING: Final = 3600.0
_log = structlog.get_logger(__name__)


class Courier:
    """Looks for webhooks that are due, and sends them, until stopped."""

    def __init__(self, app: AppContext, ending: threading.Event) -> None:
        """Prepare; nothing is started yet. It ends once `ending` is set."""
        self._app, self._ending = app, ending
        self._busy: set[int] = set()
        self._guard = threading.Lock()
        self._pool = ThreadPoolExecutor(app.settings.webhook_threads, "webhooks")
        self._poll = threading.Thread(target=self._keep_polling, name="courier")
        self._poll.daemon = True
        self._cleaned_at = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._poll.start()

    def stop(self, timeout: float) -> None:
        """Send nothing more, and wait for what is under way; `ending` has to be set.

        A message whose answer is not waited for is sent again by another worker.
        """
        if self._poll.is_alive():
            self._poll.join(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + timeout
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.05)

    def _keep_polling(self) -> None:
        while not self._ending.wait(self._app.settings.poll_interval):
            try:
                self.poll()
            except Exception:  # noqa: BLE001  a poll that ends is missed by nobody
                _log.warning("courier_failed", exc_info=True)

    def poll(self) -> None:
        """Have every webhook served that is due and not being served."""
        for webhook_id in delivery.list_due_webhooks(self._app):
            with self._guard:
                if webhook_id in self._busy:
                    continue
                self._busy.add(webhook_id)
            try:
                self._pool.submit(self._serve, webhook_id)
            except RuntimeError:  # the pool was shut down at this moment
                self._release(webhook_id)
        if time.monotonic() - self._cleaned_at > _CLEANING:
            self._cleaned_at = time.monotonic()
            delivery.give_up_lost_messages(self._app)
            delivery.forget_old_messages(self._app)

    def _serve(self, webhook_id: int) -> None:
        try:
            for _ in range(_IN_A_ROW):
                if self._ending.is_set():
                    return
                if not delivery.deliver_next(self._app, webhook_id):
                    return
        except Exception:  # noqa: BLE001  the job boundary: it is tried again
            _log.exception("webhook_crashed", webhook_id=webhook_id)
        finally:
            self._release(webhook_id)

    def _release(self, webhook_id: int) -> None:
        with self._guard:
            self._busy.discard(webhook_id)

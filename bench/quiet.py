"""Logs of what is measured: only what went wrong."""

from __future__ import annotations

import logging

import structlog


def silence_logs() -> None:
    """Let only errors through."""
    logging.disable(logging.WARNING)
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=errors)

"""Opening the application for one command, on behalf of somebody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labeldock.services.access import Principal
    from labeldock.services.context import AppContext
    from labeldock.settings import Settings


class Operation(NamedTuple):
    """The parts, and the user on whose behalf a command acts."""

    app: AppContext
    principal: Principal


@contextmanager
def open_operation(email: str | None = None) -> Iterator[Operation]:
    """Open the application and choose who acts: `email`, or the oldest administrator.

    Whoever may start the command has the database and its keys, so nothing is asked.

    Raises:
        NotFound: there is no such user, or no administrator; says how to make one.
    """
    from labeldock.services import access

    with open_application() as app:
        if email is None:
            yield Operation(app, access.find_operator(app))
        else:
            yield Operation(app, access.find_user(app, email))


@contextmanager
def open_application() -> Iterator[AppContext]:
    """Open the application for a command at a terminal."""
    from labeldock.services.auditing import Origin, acting_from
    from labeldock.services.context import opened_context

    settings = load_terminal_settings()
    with acting_from(Origin(channel="terminal")), opened_context(settings) as app:
        yield app


def load_terminal_settings() -> Settings:
    """The settings, with a log that leaves the terminal to the command."""
    from labeldock.settings import load_settings
    from labeldock.telemetry import configure_logging

    settings = load_settings()
    if "log_level" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_level": "WARNING"})
    configure_logging(settings)
    return settings

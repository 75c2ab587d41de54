"""What a form tells the page that follows it: one line, shown once.

The cookie holds the name of a note and perhaps a number, never a text, so that nobody
can have the console say something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from labeldock.web.sessions import is_https

_COOKIE: Final = "labeldock_note"
_SECONDS: Final = 60
_VALUE: Final = re.compile(r"([a-z-]{1,40})(?:\.(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the reader, and in which tone."""

    tone: str
    text: str


# Name of a note -> its tone, and its text with `{}` where its number goes.
NOTES: Final = {
    "saved": ("good", "Saved."),
    "project-created": ("good", "The project is there. Connect a storage to fill it."),
    "project-deleted": ("good", "The project and everything in it was deleted."),
    "sync-asked": ("good", "The sync was asked for."),
    "backup-asked": ("good", "The backup was asked for."),
    "restore-asked": ("good", "The restore was asked for."),
    "request-cancelled": ("good", "It was cancelled; nothing of it is left."),
    "request-over": ("warn", "It had ended already."),
    "plan-removed": ("good", "The project is no longer backed up by itself."),
    "media-attached": ("good", "The storage serves these media from now on."),
    "media-detached": ("good", "The storage was detached; tasks stay as they are."),
    "media-unchanged": ("idle", "No other storage was chosen: nothing has changed."),
    "storage-connected": ("good", "The storage is connected."),
    "storage-syncs": ("good", "The storage is connected, and its first sync runs."),
    "storage-removed": ("good", "The storage was disconnected. Its tasks stay."),
    "run-cancelled": ("good", "The run was cancelled."),
    "run-retried": ("good", "The run goes on from where it stopped."),
    "deliveries-retried": ("good", "{} given up before will be tried again."),
    "webhook-removed": ("good", "The webhook was removed."),
    "webhook-tested": ("good", "A test message is on its way."),
    "task-labelled": ("good", "Saved as annotation {}."),
    "task-skipped": ("good", "Skipped; others may label it."),
    "task-left": ("good", "The task is free for others again."),
    "token-revoked": ("good", "The token was revoked."),
    "session-resumed": ("good", "You are logged in again, and what you typed is here."),
}


def go_to(
    request: Request, path: str, note: str, number: int | None = None
) -> Response:
    """Send a browser on to a page, with a note for it; the answer to a form."""
    response = RedirectResponse(path, 303)
    response.set_cookie(
        _COOKIE,
        note if number is None else f"{note}.{number}",
        max_age=_SECONDS,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )
    return response


def read_note(request: Request) -> Note | None:
    """The note that a page was given; None for most pages."""
    match = _VALUE.fullmatch(request.cookies.get(_COOKIE, ""))
    if match is None or match[1] not in NOTES:
        return None
    tone, text = NOTES[match[1]]
    return Note(tone, text.format(match[2] or ""))


def drop_note(request: Request, response: Response) -> None:
    """Forget a note that was shown."""
    response.delete_cookie(
        _COOKIE, httponly=True, samesite="lax", secure=is_https(request)
    )

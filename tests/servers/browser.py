"""A browser: the system's Chromium, driven by Playwright, without a screen."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.servers.process import ServerMissing

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# It is to talk to the tests' servers and to nobody else.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


@contextlib.contextmanager
def run_browser() -> Iterator[Browser]:
    """Start the browser.

    Raises:
        ServerMissing: there is none on this machine.
    """
    with sync_playwright() as playwright:
        program = find_program(playwright)
        if program is None:
            raise ServerMissing("A browser", "chromium")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=program, args=[*ARGUMENTS, *sandbox]
        )
        try:
            yield browser
        finally:
            browser.close()


def find_program(playwright: Playwright) -> str | None:
    """The system's Chromium, or Chrome, or else the one that Playwright brought."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None

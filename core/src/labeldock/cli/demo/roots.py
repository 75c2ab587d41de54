"""Letting the local provider use the demo's folders, in this start and later ones."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dotenv import set_key

from labeldock.contract.errors import ConfigurationError
from labeldock.services.context import load_providers
from labeldock.settings import SETTINGS_FILE, Settings

VARIABLE: Final = "LABELDOCK_LOCAL_ROOTS"


def allow_folders(settings: Settings, folders: Sequence[Path]) -> None:
    """Add folders to the allowed roots, in the settings file of the home folder.

    Raises:
        UnknownProvider: labeldock-local is not installed; says how.
        ConfigurationError: the variable is set in the environment, which the demo
            cannot change for later starts, and does not cover the folders.
    """
    local = load_providers(settings).provider("local")
    roots: tuple[str, ...] = getattr(local.operator, "roots", ())
    missing = [folder for folder in folders if not _is_covered(folder, roots)]
    if not missing:
        return
    wanted = [*roots, *map(str, missing)]
    if VARIABLE in os.environ:
        raise ConfigurationError(
            f"{VARIABLE} is set, and does not allow {missing[0]}.",
            field=VARIABLE,
            remedy=f"Set it to {_join(wanted)}, or unset it.",
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    set_key(settings.home / SETTINGS_FILE, VARIABLE, _join(wanted))


def _is_covered(folder: Path, roots: Sequence[str]) -> bool:
    return any(folder.is_relative_to(root) for root in roots)


def _join(roots: Sequence[str]) -> str:
    if any(os.pathsep in root for root in roots):
        return json.dumps(list(roots))
    return os.pathsep.join(roots)

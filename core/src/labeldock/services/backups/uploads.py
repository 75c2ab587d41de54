"""Uploaded files as tasks refer to them."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}"


def render_upload_path(project_id: int) -> str:
    """What the paths of a project's uploaded files begin with in tasks' data."""
    return f"/data/upload/{project_id}/"


def is_upload_name(name: str) -> bool:
    """Whether uploaded files are called like that."""
    return re.fullmatch(_NAME, name) is not None


def find_upload_names(data: str, path: str) -> set[str]:
    """The names of the uploaded files that a task's data, as JSON text, refers to."""
    if path not in data:
        return set()
    return set(re.findall(re.escape(path) + f"({_NAME})", data))

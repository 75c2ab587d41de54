"""The demo's administrator, with a password of its own that is kept in a file."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from labeldock.contract.errors import NotAuthenticated, NotFound
from labeldock.services import access
from labeldock.services.access import Principal
from labeldock.services.context import AppContext

EMAIL: Final = "demo@labeldock.local"


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in; `path` is where the password is kept."""

    email: str
    password: str
    path: Path


def prepare_login(app: AppContext, folder: Path) -> tuple[Login, Principal]:
    """The demo's user, made at the first start; its password in `folder`/login.txt."""
    path = folder / "login.txt"
    login = Login(EMAIL, _read_password(path) or _make_password(path), path)
    try:
        return login, access.log_in(app, EMAIL, login.password)
    except NotAuthenticated:
        return login, _make_user(app, login)


def _make_user(app: AppContext, login: Login) -> Principal:
    try:
        access.find_user(app, EMAIL)
    except NotFound:
        return access.create_user(app, EMAIL, login.password, is_admin=True)
    return access.change_password(app, EMAIL, login.password)


def _read_password(path: Path) -> str | None:
    if not path.exists():
        return None
    lines = path.read_text("utf-8").splitlines()
    return lines[1] if len(lines) > 1 else None


def _make_password(path: Path) -> str:
    password = secrets.token_urlsafe(12)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be open to others
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{EMAIL}\n{password}\n")
    return password

"""Passwords: argon2id with the RFC 9106 low-memory parameters (64 MiB, 3 passes)."""

from __future__ import annotations

import secrets
import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from labeldock.contract.values import Problem

SHORTEST: Final = 8
_HASHER: Final = PasswordHasher()
# Each takes 64 MiB and a processor; more at once would only be slower.
_FEW_AT_ONCE: Final = threading.BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """What is stored of a password."""
    with _FEW_AT_ONCE:
        return _HASHER.hash(password)


def is_right(hashed: str, password: str) -> bool:
    """Whether a password is the one; takes as long where there is none to compare."""
    try:
        with _FEW_AT_ONCE:
            _HASHER.verify(hashed or _dummy_hash(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return bool(hashed)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash(secrets.token_hex(8))


def check_password(password: str) -> list[Problem]:
    """What is wrong with a new password."""
    if len(password) >= SHORTEST:
        return []
    remedy = f"Use at least {SHORTEST} characters."
    return [Problem("password", "Too short.", remedy, "too_short")]

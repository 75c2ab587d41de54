"""Secrets of a form that is not saved yet, kept in the form itself, sealed.

A form is sent several times before a storage is saved: to check it, to see what it
would bring. Secrets are never sent back; what is sent back in their place opens here
alone, for the same person and the same form, for half an hour.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Final

from labeldock.contract.errors import ConfigurationError
from labeldock.db.secrets import EncryptedValue, Vault

_SECONDS: Final = 1800


def seal_secrets(vault: Vault, owner: str, secrets: Mapping[str, str]) -> str:
    """What a form carries along; empty if there is nothing."""
    if not secrets:
        return ""
    text = json.dumps({"until": time.time() + _SECONDS, "secrets": dict(secrets)})
    sealed = vault.seal(text, owner=_name(owner))
    encoded = base64.urlsafe_b64encode(sealed.ciphertext).decode()
    return f"{sealed.key_id}.{encoded}"


def open_secrets(vault: Vault, owner: str, sealed: str) -> dict[str, str]:
    """What was sealed for the same owner; nothing if it is too old or not ours."""
    key_id, _, encoded = sealed.partition(".")
    try:
        value = EncryptedValue(key_id, base64.urlsafe_b64decode(encoded))
        opened = json.loads(vault.unseal(value, owner=_name(owner)))
    except (ConfigurationError, binascii.Error, ValueError):
        return {}
    secrets: dict[str, str] = opened["secrets"] if opened["until"] > time.time() else {}
    return secrets


def _name(owner: str) -> str:
    return f"form:{owner}"

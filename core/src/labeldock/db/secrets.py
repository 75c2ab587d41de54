"""Secrets at rest: AES-256-GCM, with the storage and field bound to each value.

Keys are text of any kind, newest first; a 256-bit key and a short id are derived from
each. Values can be read with any known key, and are written with the newest, so that a
key is rotated by adding one in front and encrypting everything again.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from labeldock.contract.errors import ConfigurationError
from labeldock.settings import Settings

_NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2.2: random nonces of 96 bits
_MINIMUM_LENGTH: Final = 16
KEY_FILE: Final = "secret.key"


@dataclass(frozen=True, slots=True)
class EncryptedValue:
    """A ciphertext (nonce first) and the id of the key that opens it."""

    key_id: str
    ciphertext: bytes


class Vault:
    """Encrypts the secret fields of storages, and derives keys for other uses."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the master keys, newest first; at least one.

        `newest` is the id of the key that values are written with.
        """
        self._ciphers = {_key_id(key): AESGCM(_derive(key, b"at rest")) for key in keys}
        self.newest = _key_id(keys[0])
        self._master = keys[0]
        self._derived: dict[str, bytes] = {}

    def encrypt(self, value: str, *, storage_id: int, field: str) -> EncryptedValue:
        """Encrypt one secret field of one storage."""
        return self.seal(value, owner=name_field(storage_id, field))

    def decrypt(self, value: EncryptedValue, *, storage_id: int, field: str) -> str:
        """Open what `encrypt` made for the same storage and field.

        Raises:
            ConfigurationError: the key is not among the master keys, or the value was
                changed or moved.
        """
        opened = self._open(value, name_field(storage_id, field))
        if opened is not None:
            return opened
        raise ConfigurationError(
            f"The secret '{field}' of storage {storage_id} cannot be read with the "
            "present master keys.",
            field=field,
            remedy="Add the earlier key to LABELDOCK_SECRET_KEY, or enter it again.",
        )

    def seal(self, value: str, *, owner: str) -> EncryptedValue:
        """Encrypt a secret of whatever `owner` names; it opens for that name alone."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self.newest]
        sealed = cipher.encrypt(nonce, value.encode(), owner.encode())
        return EncryptedValue(self.newest, nonce + sealed)

    def unseal(self, value: EncryptedValue, *, owner: str) -> str:
        """Open what `seal` made for the same owner.

        Raises:
            ConfigurationError: as with `decrypt`.
        """
        opened = self._open(value, owner)
        if opened is not None:
            return opened
        raise ConfigurationError(
            f"The secret of {owner} cannot be read with the present master keys.",
            field="LABELDOCK_SECRET_KEY",
            remedy="Add the earlier key to LABELDOCK_SECRET_KEY, or make a new secret.",
        )

    def _open(self, value: EncryptedValue, owner: str) -> str | None:
        cipher = self._ciphers.get(value.key_id)
        nonce, sealed = value.ciphertext[:_NONCE_BYTES], value.ciphertext[_NONCE_BYTES:]
        if cipher is None:
            return None
        try:
            return cipher.decrypt(nonce, sealed, owner.encode()).decode()
        except InvalidTag:
            return None

    def knows(self, key_id: str) -> bool:
        """Whether what was encrypted with the key of this id can be read."""
        return key_id in self._ciphers

    def is_current(self, value: EncryptedValue) -> bool:
        """Whether it was encrypted with the newest key."""
        return value.key_id == self.newest

    def derive_key(self, purpose: str) -> bytes:
        """32 bytes for another purpose: signed URLs, sessions, fingerprints."""
        known = self._derived.get(purpose)  # purposes are few, requests are many
        if known is None:
            known = self._derived[purpose] = _derive(self._master, purpose.encode())
        return known


def load_vault(settings: Settings) -> Vault:
    """The vault of this installation.

    Beside SQLite a key is made once, in a file with mode 0600; with another database,
    which several machines share, its absence is an error.

    Raises:
        ConfigurationError: no key is set, or one is too short.
    """
    text = settings.secret_key.get_secret_value()
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if not keys and settings.effective_database_url.startswith("sqlite"):
        keys = [_load_or_make_key(settings.home / KEY_FILE)]
    if not keys or min(map(len, keys)) < _MINIMUM_LENGTH:
        raise ConfigurationError(
            "LABELDOCK_SECRET_KEY is missing or shorter than 16 characters.",
            field="LABELDOCK_SECRET_KEY",
            remedy="Make one with: python3 -c 'import secrets; "
            "print(secrets.token_urlsafe(32))' and give it to every process.",
        )
    return Vault(keys)


def _load_or_make_key(path: Path) -> str:
    if not path.exists():
        _make_key(path)
    return path.read_text().strip()


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())  # secrets are lost with their key
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # whoever links first has made the key
    finally:
        made.unlink()


def _derive(key: str, purpose: bytes) -> bytes:
    kdf = HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=b"labeldock " + purpose
    )
    return kdf.derive(key.encode())


def _key_id(key: str) -> str:
    return hmac.new(_derive(key, b"key id"), b"id", hashlib.sha256).hexdigest()[:16]


def name_field(storage_id: int, field: str) -> str:
    """What a secret field of a storage is bound to, as the owner of its value."""
    return f"storage:{storage_id}:{field}"

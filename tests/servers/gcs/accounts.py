"""Service accounts: each with an RSA key of its own, and what it may do."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

LIST = "storage.objects.list"
GET = "storage.objects.get"
CREATE = "storage.objects.create"
DELETE = "storage.objects.delete"
EVERYTHING = frozenset({LIST, GET, CREATE, DELETE})
READING = frozenset({LIST, GET})

PROJECT = "labels-project"


@dataclass(eq=False)
class ServiceAccount:
    """An account.

    Attributes:
        name: the part of its address before the @.
        permissions: on the objects of every bucket.
        tokens_for: names of the accounts that it may act and sign as.
        state: "enabled", "disabled", or "deleted"; of the account.
        has_key: whether its key is valid; a deleted key signs nothing.
    """

    name: str
    permissions: frozenset[str] = EVERYTHING
    tokens_for: frozenset[str] = frozenset()
    state: str = "enabled"
    has_key: bool = True
    key_id: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def email(self):
        return f"{self.name}@{PROJECT}.iam.gserviceaccount.com"

    @functools.cached_property
    def key(self):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, text):
        return self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def is_signed(self, signature, text):
        """Whether this is the account's signature of the text."""
        if not self.has_key or self.state != "enabled":
            return False
        public = self.key.public_key()
        try:
            public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def build_document(self, token_uri):
        """The content of its JSON file, whose tokens come from `token_uri`."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        google = "https://www.googleapis.com"
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "auth_provider_x509_cert_url": f"{google}/oauth2/v1/certs",
            "client_x509_cert_url": f"{google}/robot/v1/metadata/x509/{self.name}",
            "universe_domain": "googleapis.com",
        }

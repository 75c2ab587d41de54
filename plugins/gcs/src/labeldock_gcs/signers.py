"""Who signs: the private key of a service account, or the IAM service for it."""

from __future__ import annotations

import base64
import time
from typing import Any, Final, Protocol
from urllib.parse import quote

from labeldock.contract import AccessDenied, NotSupported
from labeldock_gcs.errors import SIGNING, translate_errors
from labeldock_gcs.options import GcsOperatorOptions
from labeldock_gcs.retries import build_retry, may_pass

_REFUSAL_KEPT: Final = 300.0
_UNKNOWN: Final = "default"  # on a machine of Google's, until it has a token


class Signer(Protocol):
    """Signs text (RSA, SHA-256) as a service account."""

    @property
    def email(self) -> str:
        """The address of the account."""

    def sign(self, text: bytes, /) -> bytes:
        """The signature.

        Raises:
            NotSupported: nobody may sign for this account.
        """


class KeySigner:
    """Signs with the private key, without a request."""

    def __init__(self, credentials: Any) -> None:
        self.email: str = credentials.signer_email
        self._sign = credentials.sign_bytes

    def sign(self, text: bytes, /) -> bytes:
        signature: bytes = self._sign(text)
        return signature


class IamSigner:
    """Has the IAM service sign (signBlob), and remembers a refusal for some time."""

    def __init__(
        self, identity: Any, tokens: Any, operator: GcsOperatorOptions
    ) -> None:
        from labeldock_gcs.sessions import (  # noqa: PLC0415  brings the SDK
            build_iam_session,
        )

        self._identity = identity
        self._tokens = tokens
        self._operator = operator
        self._session = build_iam_session(identity.signer, tokens)
        self._refused_until = 0.0

    @property
    def email(self) -> str:
        if self._identity.email == _UNKNOWN:
            with translate_errors(SIGNING):
                self._identity.credentials.refresh(self._tokens)
        return str(self._identity.email)

    def sign(self, text: bytes, /) -> bytes:
        if time.monotonic() < self._refused_until:
            raise _refusal()
        try:
            with translate_errors(SIGNING):
                answer = build_retry(self._operator, may_pass)(self._ask)(text)
        except AccessDenied as error:
            self._refused_until = time.monotonic() + _REFUSAL_KEPT
            raise _refusal() from error
        return base64.b64decode(answer["signedBlob"])

    def _ask(self, text: bytes) -> Any:
        from google.api_core.exceptions import from_http_response  # noqa: PLC0415  SDK

        operator = self._operator
        account = quote(self.email, safe="@")
        answer = self._session.post(
            f"{operator.iam_endpoint}/v1/projects/-/serviceAccounts/{account}:signBlob",
            json={"payload": base64.b64encode(text).decode()},
            timeout=(operator.connect_timeout, operator.read_timeout),
            allow_redirects=False,
        )
        if answer.status_code != 200:
            raise from_http_response(answer)
        return answer.json()


def build_signer(
    identity: Any, tokens: Any, operator: GcsOperatorOptions
) -> Signer | None:
    """The signer of an identity; None if it is not a service account."""
    if identity.has_key:
        return KeySigner(identity.credentials)
    if identity.email:
        return IamSigner(identity, tokens, operator)
    return None


def _refusal() -> NotSupported:
    return NotSupported(
        "Nobody may sign URLs for this service account.",
        remedy="Grant the credentials the role Service Account Token Creator on the "
        "account, on itself if they are its own; until then media are streamed.",
    )

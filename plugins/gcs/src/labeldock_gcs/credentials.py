"""Google's credentials objects, made from a storage's settings.

Imported on first use only, since it brings the SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import google.auth
from google.auth import identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from labeldock.contract import Unauthenticated
from labeldock_gcs.documents import (
    FIELD,
    SERVICE_ACCOUNT,
    check_document,
    is_google,
    parse_document,
)
from labeldock_gcs.errors import CONNECTING, translate_errors
from labeldock_gcs.options import GcsOperatorOptions, GcsOptions

STORAGE_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
IAM_SCOPE: Final = "https://www.googleapis.com/auth/iam"
_SCOPES: Final = (STORAGE_SCOPE, IAM_SCOPE)


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom requests are made, and who could sign for it without its key.

    Attributes:
        credentials: send these along.
        signer: credentials that may ask the IAM service for signatures.
    """

    credentials: Any
    signer: Any

    @property
    def email(self) -> str | None:
        """The address of the service account, if it is one."""
        return getattr(self.credentials, "service_account_email", None)

    @property
    def has_key(self) -> bool:
        """Whether it can sign by itself, without asking anybody."""
        return isinstance(self.credentials, service_account.Credentials)


def build_identity(
    options: GcsOptions, operator: GcsOperatorOptions, tokens: Any
) -> Identity:
    """The identity of a storage.

    Args:
        options: the storage's settings; a document in them wins over the server's own
            identity.
        operator: what is permitted.
        tokens: how tokens are had.

    Raises:
        Unauthenticated: there is none, or it is not permitted.
    """
    if options.anonymous:
        anonymous = AnonymousCredentials()
        return Identity(anonymous, anonymous)
    credentials = _build_credentials(options, operator, tokens)
    if options.impersonate_service_account is None:
        return Identity(credentials, credentials)
    target = quote(options.impersonate_service_account, safe="@")
    impersonated = impersonated_credentials.Credentials(
        source_credentials=credentials,
        target_principal=options.impersonate_service_account,
        target_scopes=[STORAGE_SCOPE],
        iam_endpoint_override=f"{operator.iam_endpoint}/v1/projects/-/"
        f"serviceAccounts/{target}:generateAccessToken",
    )
    return Identity(impersonated, credentials)


def _build_credentials(
    options: GcsOptions, operator: GcsOperatorOptions, tokens: Any
) -> Any:
    if options.google_application_credentials is not None:
        text = options.google_application_credentials.get_secret_value()
        return _read_document(text, operator)
    _check_ambient(options, operator)
    with translate_errors(CONNECTING):
        credentials, _ = google.auth.default(scopes=_SCOPES, request=tokens)
    return credentials


def _read_document(text: str, operator: GcsOperatorOptions) -> Any:
    document = parse_document(text)
    check_document(document, operator)
    if document["type"] == SERVICE_ACCOUNT:
        model: Any = service_account.Credentials.from_service_account_info
    else:
        model = identity_pool.Credentials.from_info
    try:
        return model(document, scopes=_SCOPES)
    except (ValueError, TypeError, GoogleAuthError) as error:
        raise Unauthenticated(
            "The credentials document is damaged.",
            field=FIELD,
            remedy="Have Google give out a new one, and paste the whole file.",
        ) from error


def _check_ambient(options: GcsOptions, operator: GcsOperatorOptions) -> None:
    """The server's own identity: permitted, and not shown to hosts of others."""
    if not operator.ambient_credentials:
        raise Unauthenticated(
            "There are no credentials."
            if not options.ambient_credentials
            else "The operator does not permit the use of the server's own identity.",
            field="ambient_credentials" if options.ambient_credentials else FIELD,
            remedy="Paste the JSON key of a service account, or have "
            "LABELDOCK_GCS_AMBIENT_CREDENTIALS set.",
        )
    host = urlsplit(options.endpoint).hostname or ""
    if not is_google(host) and host not in operator.token_hosts:
        raise Unauthenticated(
            "The server's own identity is not shown to this endpoint.",
            field="gcs_endpoint",
            remedy="Paste the JSON key of a service account, or have the host listed "
            "in LABELDOCK_GCS_TOKEN_HOSTS.",
        )

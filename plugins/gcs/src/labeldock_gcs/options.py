"""What a bucket needs to be connected, and what the operator sets for all of them."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from labeldock.contract import ADVANCED, ENDPOINT, OperatorOptions, StorageOptions
from labeldock_gcs.documents import parse_document

GOOGLE: Final = "https://storage.googleapis.com"

# cloud.google.com/storage/docs/buckets#naming; with dots up to 222 characters.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@\\]+/?")


class GcsOptions(StorageOptions):
    """Settings of one bucket."""

    bucket: str = Field(title="Bucket", description="Name of the bucket.")
    google_project_id: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="Project",
        description="Id of the project; needed by nothing that Labeldock does.",
    )
    google_application_credentials: SecretStr | None = Field(
        default=None,
        title="Credentials",
        description="Content of the JSON file of a service account's key, or of a "
        "workload identity federation. Empty: the server's own identity, if the "
        "operator permits it.",
    )
    impersonate_service_account: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="Service account to impersonate",
        description="E-mail address of the account to act as. The credentials need "
        "the role Service Account Token Creator on it.",
    )
    anonymous: Annotated[bool, ADVANCED] = Field(
        default=False,
        title="Anonymous",
        description="Send no credentials at all, for a public bucket.",
    )
    ambient_credentials: Annotated[bool, ADVANCED] = Field(
        default=False,
        title="Ambient credentials",
        description="Use the server's own identity (Application Default "
        "Credentials). The operator has to permit it.",
    )
    gcs_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="Endpoint",
        description="Address of an emulator or a private endpoint; empty for Google.",
    )
    public_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="Public endpoint",
        description="Address of the same for browsers, if it is another one.",
    )

    @field_validator(
        "google_project_id",
        "google_application_credentials",
        "impersonate_service_account",
        "gcs_endpoint",
        "public_endpoint",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("bucket")
    @classmethod
    def _is_bucket_name(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError(
                "not a bucket name: 3 or more lower-case letters, digits, and - _ ."
            )
        return value

    @field_validator("google_application_credentials")
    @classmethod
    def _is_document(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_document(value.get_secret_value())
        return value

    @field_validator("impersonate_service_account")
    @classmethod
    def _is_account(cls, value: str | None) -> str | None:
        if value is not None and not _ACCOUNT.fullmatch(value):
            raise ValueError("not the e-mail address of a service account")
        return value

    @field_validator("gcs_endpoint", "public_endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return _normalise_address(value) if value else None

    @model_validator(mode="after")
    def _has_one_identity(self) -> Self:
        others = (
            self.google_application_credentials,
            self.ambient_credentials,
            self.impersonate_service_account,
        )
        if self.anonymous and any(others):
            raise ValueError(
                "give credentials or anonymous; the one makes the other pointless"
            )
        return self

    @property
    def endpoint(self) -> str:
        """Where requests are sent."""
        return self.gcs_endpoint or GOOGLE

    @property
    def browser_endpoint(self) -> str:
        """Where signed URLs lead."""
        return self.public_endpoint or self.endpoint

    def base_uri(self) -> str:
        return f"gs://{self.bucket}/"


class GcsOperatorOptions(OperatorOptions):
    """What the operator sets for all buckets."""

    ambient_credentials: bool = Field(
        default=False,
        description="Storages may use the server's own cloud identity. Everybody who "
        "may connect a storage can then reach what that identity reaches.",
    )
    token_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts beside Google's that a credentials document may name, and "
        "that may be sent the tokens of the server's own identity.",
    )
    token_files: tuple[str, ...] = Field(
        default=(),
        description="Files of the server that a workload identity federation may "
        "read its token from.",
    )
    iam_endpoint: str = Field(
        default="https://iamcredentials.googleapis.com",
        description="Where accounts are impersonated, and URLs signed without a key.",
    )
    connect_timeout: float = Field(default=5.0, gt=0, description="Seconds.")
    read_timeout: float = Field(default=20.0, gt=0, description="Seconds.")
    max_attempts: int = Field(
        default=3, ge=1, description="Tries of one request, the first one included."
    )
    connections: int = Field(
        default=32, ge=1, description="Pooled connections for each storage."
    )

    @field_validator("token_hosts")
    @classmethod
    def _normalise_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.strip().lower() for host in hosts if host.strip())

    @field_validator("iam_endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _normalise_address(value)


def _normalise_address(value: str) -> str:
    """As browsers write it: what they send as host is part of a signature."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not an address like https://host:port")
    scheme, _, host = value.rstrip("/").lower().partition("://")
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host.removesuffix(default)}"

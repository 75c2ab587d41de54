"""What a bucket needs to be connected, and what the operator sets for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from labeldock.contract import ADVANCED, ENDPOINT, OperatorOptions, StorageOptions

# docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; older buckets
# may have capitals and underscores, and compatible servers are freer still.
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_DIRECTORY: Final = ("--x-s3", "--xa-s3")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_REGION: Final = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"


class S3Options(StorageOptions):
    """Settings of one bucket."""

    bucket: str = Field(title="Bucket", description="Name of the bucket.")
    region_name: str | None = Field(
        default=None,
        title="Region",
        description="Region of the bucket; empty for us-east-1.",
        pattern=_REGION,
    )
    s3_endpoint: Annotated[str | None, ENDPOINT] = Field(
        default=None,
        title="Endpoint",
        description="Address of an S3-compatible server; empty for Amazon.",
    )
    public_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="Public endpoint",
        description="Address of that server for browsers, if it is another one.",
    )
    addressing_style: Annotated[Literal["auto", "path", "virtual"], ADVANCED] = Field(
        default="auto",
        title="Addressing",
        description="Whether the bucket stands in the path or in the host name; auto "
        "takes the path with an endpoint of your own.",
    )
    aws_access_key_id: SecretStr | None = Field(
        default=None,
        title="Access key id",
        description="Public part of the key. Without a key the server's own identity "
        "is used, if the operator permits it: environment, profile, pod or instance "
        "role.",
    )
    aws_secret_access_key: SecretStr | None = Field(
        default=None, title="Secret access key", description="Secret part of the key."
    )
    aws_session_token: Annotated[SecretStr | None, ADVANCED] = Field(
        default=None,
        title="Session token",
        description="For temporary credentials. They expire; a role to assume does "
        "not.",
    )
    anonymous: Annotated[bool, ADVANCED] = Field(
        default=False,
        title="Anonymous",
        description="The bucket is public: send no credentials at all.",
    )
    role_arn: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="Role to assume",
        description="ARN of an IAM role that the key, or the server's own identity, "
        "may assume.",
    )
    external_id: Annotated[SecretStr | None, ADVANCED] = Field(
        default=None,
        title="External id",
        description="Demanded by the trust policy of the role.",
    )
    sts_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="STS endpoint",
        description="Where the role is assumed; empty for Amazon.",
    )
    server_side_encryption: Annotated[Literal["AES256", "aws:kms"] | None, ADVANCED] = (
        Field(
            default=None,
            title="Encryption",
            description="Asked for with everything that is written; empty for what the "
            "bucket does by itself.",
        )
    )
    aws_sse_kms_key_id: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="KMS key",
        description="Key for the encryption aws:kms; empty for the account's own.",
    )
    ca_bundle: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="CA certificates",
        description="PEM text of the authorities that signed the server's certificate.",
    )
    verify_tls: Annotated[bool, ADVANCED] = Field(
        default=True, title="Verify TLS", description="Check the server's certificate."
    )
    checksum_mode: Annotated[
        Literal["auto", "when_supported", "when_required"], ADVANCED
    ] = Field(
        default="auto",
        title="Checksums",
        description="Whether checksums are added that some servers do not accept; auto "
        "adds them for Amazon only.",
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, values: Any) -> Any:  # whatever was given
        """Clients send "" or null for what is not set; people paste spaces along."""
        if not isinstance(values, Mapping):
            return values
        tidy = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in tidy.items() if value not in ("", None)}

    @field_validator("bucket")
    @classmethod
    def _is_bucket_name(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError("not a bucket name: letters, digits, dots and hyphens")
        if value.endswith(_DIRECTORY):
            raise ValueError("directory buckets (S3 Express) list in no order")
        return value

    @field_validator("s3_endpoint", "public_endpoint", "sts_endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("not an address like https://host:port")
        return value.rstrip("/") if value else None

    @field_validator("ca_bundle")
    @classmethod
    def _is_pem(cls, value: str | None) -> str | None:
        if value and "-----BEGIN CERTIFICATE-----" not in value:
            raise ValueError("not the PEM text of a certificate")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
            raise ValueError(
                "aws_access_key_id and aws_secret_access_key belong together"
            )
        if self.aws_session_token and not self.aws_access_key_id:
            raise ValueError("aws_session_token needs its access key")
        if self.anonymous and (self.aws_access_key_id or self.role_arn):
            raise ValueError("anonymous access takes neither a key nor a role")
        if self.external_id and not self.role_arn:
            raise ValueError("external_id needs role_arn")
        if self.aws_sse_kms_key_id and self.server_side_encryption == "AES256":
            raise ValueError("aws_sse_kms_key_id needs server_side_encryption aws:kms")
        return self

    def base_uri(self) -> str:
        return f"s3://{self.bucket}/"


class S3OperatorOptions(OperatorOptions):
    """What the operator sets for all buckets."""

    ambient_credentials: bool = Field(
        default=False,
        description="Storages without a key use the server's own cloud identity. "
        "Everybody who may connect a storage can then reach what it reaches.",
    )
    connect_timeout: float = Field(default=5.0, gt=0, description="Seconds.")
    read_timeout: float = Field(default=20.0, gt=0, description="Seconds of silence.")
    max_attempts: int = Field(
        default=3, ge=1, description="Tries of one request, the first one included."
    )
    connections: int = Field(
        default=32, ge=1, description="Pooled connections for each storage."
    )

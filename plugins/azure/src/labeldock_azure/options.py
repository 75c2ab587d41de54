"""What a container needs to be connected, and what the operator sets for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from labeldock.contract import ADVANCED, ENDPOINT, OperatorOptions, StorageOptions
from labeldock_azure.connections import find_addresses

# learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs
# --and--metadata: also $root, $web and $logs.
_CONTAINER: Final = re.compile(
    r"\$(root|web|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
)
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_DIRECTORY: Final = r"^[A-Za-z0-9.-]+$"

Cloud = Literal["public", "government", "china"]


class AzureOptions(StorageOptions):
    """Settings of one container."""

    container: str = Field(title="Container", description="Name of the container.")
    account_name: SecretStr | None = Field(
        default=None, title="Account name", description="Name of the storage account."
    )
    account_key: SecretStr | None = Field(
        default=None,
        title="Account key",
        description="One of the account's two keys. Without any credentials the "
        "server's own identity is used, if the operator permits it: managed or "
        "workload identity, environment.",
    )
    sas_token: SecretStr | None = Field(
        default=None,
        title="SAS token",
        description="A shared access signature of the account or the container. Media "
        "are then streamed, since nothing can be signed with it.",
    )
    connection_string: SecretStr | None = Field(
        default=None,
        title="Connection string",
        description="Account and credentials in one, as the portal shows them.",
    )
    tenant_id: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="Tenant id",
        description="Directory of a service principal.",
        pattern=_DIRECTORY,
    )
    client_id: Annotated[str | None, ADVANCED] = Field(
        default=None,
        title="Client id",
        description="Application id of a service principal, or of the managed "
        "identity to use.",
        pattern=_DIRECTORY,
    )
    client_secret: Annotated[SecretStr | None, ADVANCED] = Field(
        default=None, title="Client secret", description="Of the service principal."
    )
    anonymous: Annotated[bool, ADVANCED] = Field(
        default=False,
        title="Anonymous",
        description="The container is public: send no credentials at all.",
    )
    azure_cloud: Annotated[Cloud, ADVANCED] = Field(
        default="public",
        title="Cloud",
        description="Which of Azure's clouds the account is in.",
    )
    azure_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="Endpoint",
        description="Address of the blob service; empty for the cloud's own.",
    )
    public_endpoint: Annotated[str | None, ENDPOINT, ADVANCED] = Field(
        default=None,
        title="Public endpoint",
        description="Address of that service for browsers, if it is another one.",
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

    @field_validator("container")
    @classmethod
    def _is_container_name(cls, value: str) -> str:
        if not _CONTAINER.fullmatch(value):
            raise ValueError(
                "not a container name: 3 to 63 lower-case letters, digits, hyphens"
            )
        return value

    @field_validator("account_name")
    @classmethod
    def _is_account_name(cls, value: SecretStr | None) -> SecretStr | None:
        # It becomes part of a host name.
        if value and not _ACCOUNT.fullmatch(value.get_secret_value()):
            raise ValueError("not an account name: 3 to 24 lower-case letters, digits")
        return value

    @field_validator("azure_endpoint", "public_endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("not an address like https://host:port")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_ways()
        if self.client_secret and not (self.tenant_id and self.client_id):
            raise ValueError("client_secret needs tenant_id and client_id")
        if self.account_key and not self.account_name:
            raise ValueError("account_key needs account_name")
        if not (self.account_name or self.azure_endpoint or self.connection_string):
            raise ValueError(
                "account_name, azure_endpoint or connection_string is needed"
            )
        return self

    def _check_ways(self) -> None:
        ways = {
            "account_key": self.account_key,
            "sas_token": self.sas_token,
            "connection_string": self.connection_string,
            "client_secret": self.client_secret,
            "anonymous": self.anonymous,
        }
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:
            raise ValueError(
                f"give one of {', '.join(ways)}; not {' and '.join(given)}"
            )

    def list_endpoints(self) -> tuple[tuple[str, str], ...]:
        """Also those that stand in the connection string."""
        given = super().list_endpoints()
        if not self.connection_string:
            return given
        text = self.connection_string.get_secret_value()
        return (*given, *(("connection_string", url) for url in find_addresses(text)))

    def base_uri(self) -> str:
        return f"azure-blob://{self.container}/"


class AzureOperatorOptions(OperatorOptions):
    """What the operator sets for all containers."""

    ambient_credentials: bool = Field(
        default=False,
        description="Storages without credentials use the server's own cloud identity. "
        "Everybody who may connect a storage can then reach what it reaches.",
    )
    ambient_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts of blob services that may see the server's own identity, "
        "beside Azure's: whoever receives a token can use it elsewhere.",
    )
    connect_timeout: float = Field(default=5.0, gt=0, description="Seconds.")
    read_timeout: float = Field(default=20.0, gt=0, description="Seconds of silence.")
    max_attempts: int = Field(
        default=3, ge=1, description="Tries of one request, the first one included."
    )
    connections: int = Field(
        default=32, ge=1, description="Pooled connections for each storage."
    )

"""An account of Azurite or a real one, and the bare SDK on it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)

WRITERS = 4
VERSION = "2023-11-03"


@dataclass(frozen=True)
class Place:
    """Where containers are, and with whose key; an endpoint of "" is Azure's own."""

    endpoint: str
    account: str
    key: str

    def build_options(self, container: str) -> dict[str, Any]:
        """Settings of a storage there."""
        return {
            "container": container,
            "account_name": self.account,
            "account_key": self.key,
            "azure_endpoint": self.endpoint,
        }

    def change(self, **changes: str) -> Place:
        """The same with another key or endpoint."""
        return replace(self, **changes)

    def sign(self, container: str, permissions: str, **more: Any) -> str:
        """A SAS token of a container with these permissions."""
        return generate_container_sas(
            self.account,
            container,
            account_key=self.key,
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=more.pop("expiry", datetime.now(UTC) + timedelta(hours=1)),
            **more,
        )

    def build_sas_options(
        self, container: str, permissions: str, **more: Any
    ) -> dict[str, Any]:
        """Settings of a storage with a SAS token in the place of the key."""
        token = self.sign(container, permissions, **more)
        return {
            "container": container,
            "sas_token": token,
            "azure_endpoint": self.endpoint,
        }

    def build_string_options(self, container: str) -> dict[str, Any]:
        """Settings of a storage with a connection string."""
        scheme = self.endpoint.partition(":")[0]
        text = (
            f"DefaultEndpointsProtocol={scheme};AccountName={self.account};"
            f"AccountKey={self.key};BlobEndpoint={self.endpoint};"
        )
        return {"container": container, "connection_string": text}

    @cached_property
    def service(self) -> Any:
        """A client of the bare SDK."""
        return BlobServiceClient(
            self.endpoint or f"https://{self.account}.blob.core.windows.net",
            credential=AzureNamedKeyCredential(self.account, self.key),
            api_version=VERSION,
        )

    def create_container(self, name: str) -> None:
        self.service.create_container(name)

    def put(
        self, container: str, key: str, data: bytes = b"0123456789", kind: str = ""
    ) -> str:
        """Put a blob there; its ETag."""
        blob = self.service.get_blob_client(container, key)
        settings = ContentSettings(content_type=kind) if kind else None
        answer = blob.upload_blob(data, overwrite=True, content_settings=settings)
        etag: str = answer["etag"].strip('"')
        return etag

    def put_all(self, container: str, keys: Iterable[str]) -> None:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda key: self.put(container, key), keys))

    def read(self, container: str, key: str) -> bytes | None:
        try:
            data: bytes = (
                self.service.get_blob_client(container, key).download_blob().readall()
            )
        except ResourceNotFoundError:
            return None
        return data

    def remove(self, container: str, key: str) -> None:
        self.service.get_blob_client(container, key).delete_blob()

    def list(self, container: str, prefix: str = "") -> list[str]:
        found = self.service.get_container_client(container).list_blobs(
            name_starts_with=prefix or None
        )
        return [blob.name for blob in found]

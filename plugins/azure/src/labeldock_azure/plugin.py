"""The provider: seven operations for containers of Azure Blob Storage."""

from __future__ import annotations

from typing import Final

from labeldock.contract import (
    MAX_KEY_BYTES,
    Capabilities,
    DeleteRequest,
    Deletion,
    ListQuery,
    ObjectBody,
    ObjectPage,
    PresignRequest,
    ProviderInfo,
    ReadRequest,
    SavedObject,
    SignedUrl,
    Signing,
    StorageProvider,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
    hookimpl,
)
from labeldock_azure.clients import ClientCache
from labeldock_azure.deleting import delete_object
from labeldock_azure.listing import list_page
from labeldock_azure.options import AzureOperatorOptions, AzureOptions
from labeldock_azure.reading import read_object
from labeldock_azure.signing import presign_object
from labeldock_azure.validation import validate_storage
from labeldock_azure.writing import save_object

_INFO: Final = ProviderInfo(
    name="azure",
    title="Microsoft Azure",
    schemes=("azure-blob",),
    import_options=AzureOptions,
    export_options=AzureOptions,
    operator_options=AzureOperatorOptions,
    signing=Signing.LOCAL,
    capabilities=Capabilities(
        ordered=False,
        seekable=False,
        delimiter=True,
        conditional_write=True,
        conditional_delete=True,
        max_key_bytes=MAX_KEY_BYTES,
    ),
)


class AzureProvider:
    """Containers as storages. Between calls it keeps clients, and nothing else."""

    def __init__(self) -> None:
        self._clients = ClientCache()

    @hookimpl
    def describe(self) -> ProviderInfo:
        return _INFO

    @hookimpl
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        return validate_storage(self._clients, storage, request)

    @hookimpl
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        return list_page(self._clients.get_client(storage), query)

    @hookimpl
    def get_data(self, storage: StorageRef, request: ReadRequest) -> ObjectBody:
        return read_object(self._clients.get_client(storage), request)

    @hookimpl
    def presign(self, storage: StorageRef, request: PresignRequest) -> SignedUrl:
        return presign_object(self._clients.get_client(storage), request)

    @hookimpl
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> SavedObject:
        return save_object(self._clients.get_client(storage), request)

    @hookimpl
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Deletion:
        return delete_object(self._clients.get_client(storage), request)


provider: StorageProvider = AzureProvider()

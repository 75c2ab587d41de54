"""The provider: seven operations for Google Cloud Storage."""

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
from labeldock_gcs.clients import ClientCache
from labeldock_gcs.deleting import delete_object
from labeldock_gcs.listing import list_page
from labeldock_gcs.options import GcsOperatorOptions, GcsOptions
from labeldock_gcs.reading import read_object
from labeldock_gcs.signing import presign_object
from labeldock_gcs.validation import validate_storage
from labeldock_gcs.writing import save_object

_INFO: Final = ProviderInfo(
    name="gcs",
    title="Google Cloud Storage",
    schemes=("gs",),
    import_options=GcsOptions,
    export_options=GcsOptions,
    operator_options=GcsOperatorOptions,
    # A private key signs without a request; other credentials have Google sign. The
    # claim has to hold for both.
    signing=Signing.REMOTE,
    capabilities=Capabilities(
        ordered=True,
        seekable=True,
        delimiter=True,
        conditional_write=True,
        conditional_delete=True,
        max_key_bytes=MAX_KEY_BYTES,
    ),
)


class GcsProvider:
    """Buckets as storages. Between calls it keeps nothing but clients."""

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


provider: StorageProvider = GcsProvider()

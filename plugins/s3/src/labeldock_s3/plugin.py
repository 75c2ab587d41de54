"""The provider: seven operations for Amazon S3 and servers that speak its protocol."""

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
from labeldock_s3.clients import ClientCache
from labeldock_s3.deleting import delete_object
from labeldock_s3.listing import list_page
from labeldock_s3.options import S3OperatorOptions, S3Options
from labeldock_s3.reading import read_object
from labeldock_s3.signing import presign_object
from labeldock_s3.validation import validate_storage
from labeldock_s3.writing import save_object

_INFO: Final = ProviderInfo(
    name="s3",
    title="Amazon S3",
    schemes=("s3",),
    import_options=S3Options,
    export_options=S3Options,
    operator_options=S3OperatorOptions,
    signing=Signing.LOCAL,
    capabilities=Capabilities(
        ordered=True,
        seekable=True,
        delimiter=True,
        conditional_write=True,
        conditional_delete=True,
        max_key_bytes=MAX_KEY_BYTES,
    ),
)


class S3Provider:
    """Buckets as storages. Between calls it keeps clients, and nothing else."""

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


provider: StorageProvider = S3Provider()

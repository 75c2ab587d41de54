"""The provider: seven operations for folders of this machine."""

from __future__ import annotations

from typing import Final

from labeldock.contract import (
    Capabilities,
    DeleteRequest,
    Deletion,
    ListQuery,
    NotSupported,
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
from labeldock_local.deleting import delete_object
from labeldock_local.keys import MAX_KEY_BYTES
from labeldock_local.listing import list_page
from labeldock_local.options import LocalOperatorOptions, LocalOptions
from labeldock_local.reading import read_object
from labeldock_local.snapshots import SnapshotCache
from labeldock_local.validation import validate_storage
from labeldock_local.writing import save_object

_INFO: Final = ProviderInfo(
    name="local",
    title="Local files",
    schemes=("local",),
    import_options=LocalOptions,
    export_options=LocalOptions,
    api_type="localfiles",
    operator_options=LocalOperatorOptions,
    signing=Signing.HOST,
    capabilities=Capabilities(
        ordered=True,
        seekable=True,
        delimiter=True,
        conditional_write=True,
        conditional_delete=True,
        max_key_bytes=MAX_KEY_BYTES,
    ),
)


class LocalProvider:
    """Local files as a storage. Between calls it keeps nothing but listed names."""

    def __init__(self) -> None:
        self._snapshots = SnapshotCache()

    @hookimpl
    def describe(self) -> ProviderInfo:
        return _INFO

    @hookimpl
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        return validate_storage(storage, request)

    @hookimpl
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        return list_page(storage, query, self._snapshots)

    @hookimpl
    def get_data(self, storage: StorageRef, request: ReadRequest) -> ObjectBody:
        return read_object(storage, request)

    @hookimpl
    def presign(self, storage: StorageRef, request: PresignRequest) -> SignedUrl:
        del storage
        raise NotSupported(
            "Local files have no URLs of their own; Labeldock serves them.",
            key=request.key,
        )

    @hookimpl
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> SavedObject:
        return save_object(storage, request)

    @hookimpl
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Deletion:
        return delete_object(storage, request)


provider: StorageProvider = LocalProvider()

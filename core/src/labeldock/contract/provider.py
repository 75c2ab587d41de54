"""The provider protocol: each method is the hook spec and the static type at once.

A provider is one object whose methods are marked with `hookimpl`. The host builds one
caller per provider and operation, so a call reaches exactly one provider, with wrapper
plug-ins around it.

Rules for every operation, each checked by the host or the conformance kit:

- synchronous, and stateless: the storage is always the first argument;
- never returns None; returns values, not generators or SDK objects;
- raises only the errors below `StorageError`; anything else counts as a crash;
- no default values and no keyword-only parameters in an implementation;
- no I/O on import, registration and in `describe`;
- safe to call from many threads at once.
"""

from __future__ import annotations

from typing import Final, Protocol

import pluggy

from labeldock.contract.options import ProviderInfo
from labeldock.contract.values import (
    DeleteRequest,
    Deletion,
    ListQuery,
    ObjectBody,
    ObjectPage,
    PresignRequest,
    ReadRequest,
    SavedObject,
    SignedUrl,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
)

PROJECT_NAME: Final = "labeldock"
hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

PROVIDER_GROUP: Final = "labeldock.providers"
"""Entry-point group of providers; the entry's name is the provider's name."""

PLUGIN_GROUP: Final = "labeldock.plugins"
"""Entry-point group of observers and of wrappers around the operations."""


class StorageProvider(Protocol):
    """What a provider implements: seven operations and a description."""

    @hookspec(firstresult=True)
    def describe(self) -> ProviderInfo:
        """Say what the provider is and can do.

        Returns:
            The same info on every call.

        Raises:
            Nothing. It does no I/O and imports no SDK.
        """

    @hookspec(firstresult=True)
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        """Check that a storage can be used for its purpose, as far as requested.

        An import needs at least one object below the prefix; an export needs the
        container alone, and a real write when asked to probe one. Nothing is written
        otherwise, and a probe leaves nothing behind.

        Args:
            storage: the storage, saved or not.
            request: how far to check.

        Returns:
            A report whose problems each name the settings field and the remedy; an
            empty list of problems if all is well.

        Raises:
            Nothing that a check can find out: a missing container, refused
            credentials, a server that cannot be reached are answers, not errors.
        """

    @hookspec(firstresult=True)
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        """List one page of objects.

        Args:
            storage: the storage.
            query: which keys, from where, how many at most.

        Returns:
            A page, which may be empty and still have a cursor. Keys that only mark a
            folder (ending in "/", of size 0) are listed like any other.

        Raises:
            ContainerNotFound: no such bucket, container or folder.
            Unauthenticated, AccessDenied: listing is refused.
            CursorExpired: the cursor is unknown; the caller goes on from its last key.
            TransientStorageError: trying again may help.
        """

    @hookspec(firstresult=True)
    def get_data(self, storage: StorageRef, request: ReadRequest) -> ObjectBody:
        """Open an object, or a range of it, for reading.

        Args:
            storage: the storage.
            request: key, range, condition, or metadata only.

        Returns:
            The object's info and a reader, which the caller closes. An object
            overwritten meanwhile gives the old bytes, the new bytes or an error from
            `read`, never a mix.

        Raises:
            ObjectNotFound: there is no such object.
            InvalidRange: no byte lies in the range; carries the object's size.
            PreconditionFailed: `if_match` names another ETag.
            Unauthenticated, AccessDenied, ContainerNotFound: as they say.
            TransientStorageError: trying again may help. Also from the reader.
            IntegrityError: from the reader, if the body ends early.
        """

    @hookspec(firstresult=True)
    def presign(self, storage: StorageRef, request: PresignRequest) -> SignedUrl:
        """Make a URL that reads one object without credentials until it expires.

        With signing LOCAL no request is made, and the object need not exist.

        Args:
            storage: the storage.
            request: key, time to live, and the headers to answer with.

        Returns:
            The URL and when it expires. It permits GET (and HEAD) of that key alone.

        Raises:
            NotSupported: the provider cannot sign, as its `signing` says.
            Unauthenticated: there are no credentials that could sign.
            InvalidKey: the key cannot be put in a URL of this storage.
        """

    @hookspec(firstresult=True)
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> SavedObject:
        """Write one object, whole or not at all.

        Args:
            storage: the storage.
            request: key, content, content type and condition.

        Returns:
            ETag (and version) of what is in the storage now.

        Raises:
            PreconditionFailed: the condition does not hold; nothing was written.
            InvalidKey: the storage cannot hold such a key.
            TooLarge: the content is over the storage's limit.
            Unauthenticated, AccessDenied, ContainerNotFound: as they say.
            TransientStorageError: trying again may help; it may have been written.
        """

    @hookspec(firstresult=True)
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Deletion:
        """Delete one object and nothing else.

        Args:
            storage: the storage.
            request: key and condition.

        Returns:
            Whether it existed.

        Raises:
            PreconditionFailed: the object has another ETag; it was not deleted.
            Unauthenticated, AccessDenied, ContainerNotFound: as they say.
            TransientStorageError: trying again may help; it may have been deleted.
        """


OPERATIONS: Final = (
    "validate",
    "list_objects",
    "get_data",
    "presign",
    "save_annotation",
    "delete_annotation",
)
"""The operations that take a storage; `describe` is asked once, when loading."""

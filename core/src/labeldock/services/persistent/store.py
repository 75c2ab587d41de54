"""The persistent storage itself: files by key, in a folder or with any provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from labeldock.contract.errors import ConfigurationError, LabeldockError
from labeldock.contract.values import (
    ContentSource,
    DeleteRequest,
    FileContent,
    ListQuery,
    ObjectBody,
    Purpose,
    ReadRequest,
    SavedObject,
    WriteRequest,
)
from labeldock.host.references import validate_options
from labeldock.services.connections import Connection, build_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.bundles import WatchedContent
from labeldock.services.persistent.folder import Folder, do_nothing
from labeldock.services.storage_fields import join_prefix

SETTING: Final = "LABELDOCK_PERSISTENT_STORAGE"
FOLDER: Final = "files"
"""Where they are by default, in the home folder."""


class PersistentStore(Protocol):
    """Files by key. Keys are chosen by Labeldock, never by who sends a file."""

    @property
    def fingerprint(self) -> str:
        """Tells this place from others, for caches."""

    def get_data(self, request: ReadRequest) -> ObjectBody:
        """A file or a range of it, as a provider gives it.

        Raises:
            StorageError: there is no such file, or it cannot be read.
        """

    def save(self, key: str, content: ContentSource, content_type: str) -> SavedObject:
        """Write a file, whole or not at all; one that was there is replaced.

        Raises:
            NoSpace: there is no room for it.
            StorageError: it cannot be written.
        """

    def adopt(
        self,
        key: str,
        path: Path,
        content_type: str,
        move: Callable[[], None] = do_nothing,
    ) -> SavedObject:
        """The same with a finished file of this machine, which is gone afterwards.

        `move` is called now and then, since that may take long.
        """

    def delete(self, key: str) -> None:
        """Remove a file; it is no error if there is none."""

    def delete_below(self, prefix: str) -> None:
        """Remove all files whose keys begin with a prefix that ends in `/`."""


def open_store(app: AppContext) -> PersistentStore:
    """The persistent storage that the settings name.

    Raises:
        ConfigurationError: the setting does not name one that can be used.
    """
    text = app.settings.persistent_storage.get_secret_value().strip()
    if not text:
        return Folder(app.settings.home / FOLDER)
    values = _parse(text)
    prefix = join_prefix(str(values.pop("prefix", "")), is_literal=False)
    try:
        bound = app.catalog.provider(str(values.pop("type", "")))
        options = validate_options(bound, Purpose.EXPORT, values, stored=False)
    except LabeldockError as error:
        raise ConfigurationError(
            f"{SETTING}: {error.message}", field=SETTING, remedy=error.remedy
        ) from None
    connection = build_connection(app, None, bound, Purpose.EXPORT, options)
    return ProviderStore(connection, prefix)


def _parse(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if isinstance(values, dict):
        return values
    raise ConfigurationError(
        f"{SETTING} is not a JSON object.",
        field=SETTING,
        remedy='Give one such as {"type": "s3", "bucket": "labeldock-files"}, or unset '
        "it for a folder in the home folder.",
    )


class ProviderStore:
    """Files as objects below a prefix, by way of a provider."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        """Keep files there."""
        self._connection = connection
        self._prefix = prefix

    @property
    def fingerprint(self) -> str:
        """That of the provider's settings."""
        return self._connection.fingerprint

    def get_data(self, request: ReadRequest) -> ObjectBody:
        """A file or a range of it."""
        whole = ReadRequest(
            self._prefix + request.key,
            request.byte_range,
            request.metadata_only,
            request.if_match,
        )
        return self._connection.get_data(whole)

    def save(self, key: str, content: ContentSource, content_type: str) -> SavedObject:
        """Write a file."""
        request = WriteRequest(self._prefix + key, content, content_type)
        provider = self._connection.provider
        return provider.save_annotation(self._connection.ref, request)

    def adopt(
        self,
        key: str,
        path: Path,
        content_type: str,
        move: Callable[[], None] = do_nothing,
    ) -> SavedObject:
        """Upload a file of this machine, and remove it here."""
        content = WatchedContent(FileContent(path), move)
        saved = self.save(key, content, content_type)
        path.unlink()
        return saved

    def delete(self, key: str) -> None:
        """Remove a file."""
        self._delete(self._prefix + key)

    def delete_below(self, prefix: str) -> None:
        """Remove all files below a prefix."""
        query = ListQuery(prefix=self._prefix + prefix)
        provider, ref = self._connection.provider, self._connection.ref
        while True:
            page = provider.list_objects(ref, query)
            for info in page.objects:
                self._delete(info.key)
            if page.cursor is None:
                return
            query = ListQuery(prefix=query.prefix, cursor=page.cursor)

    def _delete(self, key: str) -> None:
        provider = self._connection.provider
        provider.delete_annotation(self._connection.ref, DeleteRequest(key))

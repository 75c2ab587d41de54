"""Clients of the Azure SDK: made from a storage's settings, and kept for some time.

A bounded number is kept, by the storage's fingerprint. One that is dropped closes its
connections when the last operation or body that uses it is done.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labeldock.contract import StorageRef, Unauthenticated
from labeldock_azure.credentials import CLOUDS, build_credential
from labeldock_azure.errors import translate_errors
from labeldock_azure.options import AzureOperatorOptions, AzureOptions

_KEPT: Final = 64
BLOCK_SIZE: Final = 8 * 1024 * 1024
_WHOLE: Final = 2**47  # more than a blob can have, so that one request reads all of it
_IDENTITY: Final = re.compile(
    "(AccountKey|SharedAccessSignature|UseDevelopmentStorage)=", re.IGNORECASE
)
_BACKOFF: Final = 0.4  # seconds between two tries, and as much as a half to either side


class AzureClient:
    """A container's client and what it was made from. SDK objects have no useful type.

    Attributes:
        options: of the storage.
        operator: of the provider.
        check_peer: of the storage.
        service: the SDK's client of the account.
        api: the SDK's client of the container.
        delegation: a key to sign with, and when it ends; see `signing`.
        lock: held while that key is fetched.
    """

    def __init__(self, storage: StorageRef) -> None:
        self.options = storage.options_as(AzureOptions)
        self.operator = storage.operator_as(AzureOperatorOptions)
        self.check_peer = storage.check_peer
        session = self.build_session()
        self.service = _build_service(self.options, self.operator, session)
        self.api = self.service.get_container_client(self.options.container)
        self.delegation: tuple[Any, Any] | None = None
        self.lock = threading.Lock()
        # The last one to let go of this object closes what it holds.
        weakref.finalize(self, _close_all, session, self.service.credential)

    def build_session(self) -> Any:
        """A session of `requests` that goes where this storage may go."""
        # PLC0415: the SDK is imported on first use, not at the start.
        from labeldock_azure.sessions import build_session  # noqa: PLC0415

        return build_session(self.operator.connections, self.check_peer)

    @property
    def account_name(self) -> str:
        given = self.options.account_name
        return given.get_secret_value() if given else self.service.account_name or ""

    @property
    def account_key(self) -> str | None:
        """The key, if there is one that shared access signatures can be made from."""
        key: str | None = getattr(self.service.credential, "account_key", None)
        return key

    @property
    def has_token(self) -> bool:
        """Whether the credential is one that gets tokens."""
        return hasattr(self.service.credential, "get_token")


class ClientCache:
    """Clients by fingerprint, least recently used out first; safe among threads."""

    def __init__(self) -> None:
        self._start_anew()

    def get_client(self, storage: StorageRef) -> AzureClient:
        """The client of a storage, made if there is none yet.

        Raises:
            Unauthenticated: there are no credentials to make it with.
            StorageError: it cannot be made from these settings.
        """
        if self._process != os.getpid():  # a fork must not share our connections
            self._start_anew()
        with self._lock:
            slot = self._slots.setdefault(storage.fingerprint, _Slot())
            self._slots.move_to_end(storage.fingerprint)
            while len(self._slots) > _KEPT:
                self._slots.popitem(last=False)
        return slot.get_client(lambda: _build_client(storage))

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._process = os.getpid()


class _Slot:
    """Room for one client; nobody waits for the client of another storage."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: AzureClient | None = None

    def get_client(self, build: Callable[[], AzureClient]) -> AzureClient:
        with self._lock:
            if self._client is None:
                self._client = build()
            return self._client


def _build_client(storage: StorageRef) -> AzureClient:
    with translate_errors():
        return AzureClient(storage)


def _build_service(
    options: AzureOptions, operator: AzureOperatorOptions, session: Any
) -> Any:
    # PLC0415 here and below: the SDK is imported on first use, not at the start.
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415

    arguments = _build_arguments(operator, session)
    if options.connection_string:
        return _connect(options.connection_string.get_secret_value(), arguments)
    address = _find_address(options)
    credential = build_credential(options, operator, address)
    return BlobServiceClient(address, credential=credential, **arguments)


def _connect(connection_string: str, arguments: dict[str, Any]) -> Any:
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415

    if _IDENTITY.search(connection_string):
        with suppress(ValueError):  # its text repeats the connection string
            return BlobServiceClient.from_connection_string(
                connection_string, **arguments
            )
    raise Unauthenticated(
        "This is not a connection string of a storage account.",
        field="connection_string",
        remedy="Copy it whole from the portal's page 'Access keys'.",
    )


def _find_address(options: AzureOptions) -> str:
    if options.azure_endpoint:
        return options.azure_endpoint
    account = options.account_name.get_secret_value() if options.account_name else ""
    return f"https://{account}.{CLOUDS[options.azure_cloud].blobs}"


def _build_arguments(operator: AzureOperatorOptions, session: Any) -> dict[str, Any]:
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415
    from azure.storage.blob import LinearRetry  # noqa: PLC0415

    pauses: dict[str, Any] = {  # the SDK says whole seconds, and takes parts of one
        "backoff": _BACKOFF,
        "random_jitter_range": _BACKOFF / 2,
        "retry_total": operator.max_attempts - 1,
    }
    return {
        "retry_policy": LinearRetry(**pauses),
        "transport": RequestsTransport(
            session=session,
            session_owner=False,
            connection_timeout=operator.connect_timeout,
            read_timeout=operator.read_timeout,
        ),
        # A server of somebody's choice must not send us elsewhere; Azure never does.
        "permit_redirects": False,
        "logger": _build_logger(),
        "max_single_put_size": BLOCK_SIZE,
        "max_single_get_size": _WHOLE,
        # Azurite and other clouds do not have the newest version of the interface.
        "api_version": "2023-11-03",
        "user_agent": "labeldock-azure",
    }


def _build_logger() -> logging.Logger:
    """The SDK would log every request with its address, at the level of events."""
    logger = logging.getLogger("labeldock_azure.requests")
    logger.setLevel(logging.WARNING)
    return logger


def _close_all(session: Any, credential: Any) -> None:
    session.close()
    if hasattr(credential, "get_token"):
        credential.close()

"""Clients of boto3: made from a storage's settings, and kept for some time.

A bounded number is kept, by the storage's fingerprint. One that is dropped closes its
connections when the last operation or body that uses it is done.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from typing import IO, Any, Final

from labeldock.contract import StorageRef
from labeldock_s3.addresses import DEFAULT_REGION, choose_addressing, find_base
from labeldock_s3.authorities import find_path, open_authorities
from labeldock_s3.errors import translate_errors
from labeldock_s3.fetching import Fetcher, Sender
from labeldock_s3.options import S3OperatorOptions, S3Options
from labeldock_s3.sessions import Sessions, assume_role

_KEPT: Final = 64


class S3Client:
    """A client of boto3 and what it was made from. SDK objects have no useful type.

    Attributes:
        api: the client.
        options: of the storage.
        operator: of the provider.
        credentials: of botocore; None for anonymous.
        check_peer: of the storage.
        verification: what the SDK calls `verify`.
    """

    def __init__(self, storage: StorageRef, sessions: Sessions) -> None:
        self.options = storage.options_as(S3Options)
        self.operator = storage.operator_as(S3OperatorOptions)
        self.check_peer = storage.check_peer
        self._sessions = sessions
        authorities = _open_authorities(self.options)
        self.verification = _find_verification(self.options, authorities)
        try:
            self.credentials = _load_credentials(self, sessions)
            self.api = sessions.create_client(
                "s3",
                self.credentials,
                self.check_peer,
                endpoint_url=self.options.s3_endpoint,
                region_name=self.region,
                verify=self.verification,
                config=_build_config(self.options, self.operator),
            )
        except BaseException:
            _close_file(authorities)
            raise
        # The last one to let go of this object closes what it holds.
        weakref.finalize(self, _close_all, self.api, authorities)

    @property
    def bucket(self) -> str:
        return self.options.bucket

    @property
    def region(self) -> str:
        return self.options.region_name or DEFAULT_REGION

    @cached_property
    def fetcher(self) -> Fetcher:
        """Reads objects with fewer steps than boto3 takes."""
        return Fetcher(self.api, self.credentials, self.operator.max_attempts)

    @cached_property
    def sender(self) -> Sender:
        """Writes small objects with fewer steps than boto3 takes."""
        return Sender(self.api, self.credentials, self.operator.max_attempts)

    @cached_property
    def base_address(self) -> str:
        """What precedes the quoted key in URLs for browsers."""
        return find_base(self._sessions, self.options)


class ClientCache:
    """Clients by fingerprint, least recently used out first; safe among threads."""

    def __init__(self) -> None:
        self._start_anew()

    def get_client(self, storage: StorageRef) -> S3Client:
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
        return slot.get_client(lambda: self._build_client(storage))

    def _build_client(self, storage: StorageRef) -> S3Client:
        with translate_errors():
            return S3Client(storage, self._sessions)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._sessions = Sessions()
        self._process = os.getpid()


class _Slot:
    """Room for one client. Making it may take a request: nobody else waits for that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: S3Client | None = None

    def get_client(self, build: Callable[[], S3Client]) -> S3Client:
        with self._lock:
            if self._client is None:
                self._client = build()
            return self._client


def _load_credentials(client: S3Client, sessions: Sessions) -> Any:
    options, operator = client.options, client.operator
    source = sessions.load_credentials(options, operator)
    if not options.role_arn:
        return source
    is_own_server = bool(options.sts_endpoint) or not options.s3_endpoint
    return assume_role(
        sessions,
        source,
        options,
        check_peer=client.check_peer,
        endpoint_url=options.sts_endpoint,
        region_name=client.region,
        verify=client.verification if is_own_server else None,
        config=_build_config(options, operator),
    )


def _build_config(options: S3Options, operator: S3OperatorOptions) -> Any:
    # PLC0415: the SDK is imported on first use, not at the start.
    from botocore import UNSIGNED  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    checksums = options.checksum_mode
    if checksums == "auto":
        checksums = "when_required" if options.s3_endpoint else "when_supported"
    return Config(
        signature_version=UNSIGNED if options.anonymous else "s3v4",
        s3={"addressing_style": choose_addressing(options)},
        connect_timeout=operator.connect_timeout,
        read_timeout=operator.read_timeout,
        retries={"mode": "standard", "total_max_attempts": operator.max_attempts},
        max_pool_connections=operator.connections,
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        ignore_configured_endpoint_urls=True,
        user_agent_extra="labeldock-s3",
    )


def _open_authorities(options: S3Options) -> IO[str] | None:
    return open_authorities(options.ca_bundle) if options.ca_bundle else None


def _find_verification(
    options: S3Options, authorities: IO[str] | None
) -> bool | str | None:
    if not options.verify_tls:
        return False
    # None: as the operator has it in AWS_CA_BUNDLE, else the usual authorities.
    return find_path(authorities) if authorities else None


def _close_all(api: Any, authorities: IO[str] | None) -> None:
    api.close()
    _close_file(authorities)


def _close_file(file: IO[str] | None) -> None:
    if file:
        file.close()

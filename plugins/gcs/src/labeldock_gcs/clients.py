"""Clients of Google's library: made from a storage's settings, and kept for some time.

Making one takes a tenth of a second, in which a private key is checked, and opens no
connection; the first request of each fetches a token. A bounded number is kept, by the
storage's fingerprint. The SDK is imported here, on first use, and nowhere at the start.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from labeldock.contract import CheckPeer, StorageRef
from labeldock_gcs.errors import CONNECTING, translate_errors
from labeldock_gcs.options import GcsOperatorOptions, GcsOptions
from labeldock_gcs.retries import IsPassing, build_retry, may_pass
from labeldock_gcs.signers import Signer, build_signer

_KEPT: Final = 64
_AGENT: Final = "labeldock-gcs"


@dataclass(frozen=True, slots=True)
class GcsClient:
    """A client of the SDK (its objects have no useful types), and what goes with it.

    Attributes:
        api: the `storage.Client`.
        session: the session it sends requests with, for what it does not stream.
        signer: signs URLs; None if nobody can for these credentials.
        options: what it was made from.
        operator: the same.
        check_peer: of the storage.
    """

    api: Any
    session: Any
    signer: Signer | None
    options: GcsOptions
    operator: GcsOperatorOptions
    check_peer: CheckPeer | None = None

    @property
    def bucket(self) -> str:
        return self.options.bucket

    @property
    def timeout(self) -> tuple[float, float]:
        """To connect, and between two blocks of an answer, in seconds."""
        return self.operator.connect_timeout, self.operator.read_timeout

    def limits(self, is_passing: IsPassing = may_pass) -> dict[str, Any]:
        """The arguments of one call of the SDK that bound its time."""
        retry = build_retry(self.operator, is_passing)
        return {"timeout": self.timeout, "retry": retry}

    def repeat(self, send: Callable[[], Any]) -> Any:
        """Send a request of our own, and again where that is right."""
        return build_retry(self.operator, may_pass)(send)()

    def open_blob(self, key: str) -> Any:
        """The SDK's handle on an object; no request is made."""
        # Never get_bucket, which needs storage.buckets.get.
        return self.api.bucket(self.bucket).blob(key)


class ClientCache:
    """Clients by fingerprint, least recently used out first; safe among threads."""

    def __init__(self) -> None:
        self._forget()

    def get_client(self, storage: StorageRef) -> GcsClient:
        """The client of a storage, made if there is none yet.

        Raises:
            Unauthenticated: there are no credentials to make it with, or the document
                leads elsewhere.
        """
        if os.getpid() != self._process:  # a fork must not share connections
            self._forget()
        with self._lock:
            client = self._clients.get(storage.fingerprint)
            if client is not None:
                self._clients.move_to_end(storage.fingerprint)
                return client
        # Not under the lock: the server's own identity may be looked up by network.
        made = _build_client(storage)
        with self._lock:
            client = self._clients.setdefault(storage.fingerprint, made)
            while len(self._clients) > _KEPT:
                self._clients.popitem(last=False)
            return client

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, GcsClient] = OrderedDict()


def _build_client(storage: StorageRef) -> GcsClient:
    # PLC0415: the SDK is imported on first use, not at the start.
    from google.api_core.client_info import ClientInfo  # noqa: PLC0415
    from google.cloud.storage import Client  # noqa: PLC0415

    from labeldock_gcs.credentials import build_identity  # noqa: PLC0415
    from labeldock_gcs.sessions import (  # noqa: PLC0415
        build_data_session,
        build_token_request,
    )

    options = storage.options_as(GcsOptions)
    operator = storage.operator_as(GcsOperatorOptions)
    tokens = build_token_request(options, operator)
    identity = build_identity(options, operator, tokens)
    session = build_data_session(identity.credentials, tokens, storage)
    with translate_errors(CONNECTING):
        api = Client(
            project=options.google_project_id,
            credentials=identity.credentials,
            client_info=ClientInfo(user_agent=_AGENT),
            client_options={"api_endpoint": options.endpoint},
            _http=session,
        )
    # It would ask for the bucket itself, in a thread that nobody waits for, to fill in
    # traces that nobody switched on; there is no public way to be without.
    api._bucket_metadata_cache = None  # noqa: SLF001
    signer = build_signer(identity, tokens, operator)
    return GcsClient(api, session, signer, options, operator, storage.check_peer)

"""Who asks: credentials, and clients of boto3 that have them.

The descriptions of services cost 12 MB and 150 ms to load, so all clients share them.
boto3 is imported here, on first use, and nowhere at the start.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

from pydantic import SecretStr

from labeldock.contract import CheckPeer, Unauthenticated, guard_pools
from labeldock_s3.options import S3OperatorOptions, S3Options

_ROLE_SESSION: Final = "labeldock"

# A profile or a file of this machine must not decide what a storage's client does.
# (name in the file, environment variable, default, conversion), as botocore has it
_ISOLATED: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Sessions:
    """Makes clients and finds credentials; safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptions: Any = None
        self._ambient_lock = threading.Lock()
        self._ambient: Any = None

    def load_credentials(
        self, options: S3Options, operator: S3OperatorOptions
    ) -> Any:  # of botocore; None for anonymous
        """The credentials that a storage has, before it assumes a role.

        Raises:
            Unauthenticated: there are none.
        """
        from botocore.credentials import Credentials  # noqa: PLC0415  on first use

        if options.anonymous:
            return None
        if options.aws_access_key_id:
            return Credentials(
                _reveal(options.aws_access_key_id),
                _reveal(options.aws_secret_access_key),
                _reveal(options.aws_session_token),
            )
        if not operator.ambient_credentials:
            raise Unauthenticated(
                "There is no access key, and the operator does not permit the use of "
                "the server's own identity.",
                field="aws_access_key_id",
                remedy="Give an access key, say that the bucket is read anonymously, "
                "or have LABELDOCK_S3_AMBIENT_CREDENTIALS set.",
            )
        return self._load_ambient()

    def create_client(
        self,
        service: str,
        credentials: Any,
        check_peer: CheckPeer | None = None,
        **arguments: Any,
    ) -> Any:  # a client of boto3, which has no useful type
        """A client with these credentials, and nothing else of this machine."""
        from botocore.session import Session  # noqa: PLC0415  on first use

        session = Session(session_vars=_ISOLATED)
        session.register_component("credential_provider", _Known(credentials))
        with self._lock:
            if self._descriptions is None:
                self._descriptions = session.get_component("data_loader")
            session.register_component("data_loader", self._descriptions)
            client = session.create_client(service, **arguments)
        # There is no public way to what a client sends its requests with.
        guard_session(client._endpoint.http_session, check_peer)  # noqa: SLF001
        return client

    def _load_ambient(self) -> Any:
        """Who this machine is, by boto3's chain, which may ask the network."""
        from boto3.session import Session  # noqa: PLC0415  on first use

        with self._ambient_lock:
            self._ambient = self._ambient or Session()
            found = self._ambient.get_credentials()
        if found is None:
            raise Unauthenticated(
                "The server has no identity of its own.",
                field="aws_access_key_id",
                remedy="Give an access key, or give the server an identity: "
                "environment, profile, pod or instance role.",
            )
        return found


def guard_session(session: Any, check_peer: CheckPeer | None) -> None:
    """Let an HTTP session of botocore look whom it has connected to."""
    if check_peer:
        manager = session._manager  # noqa: SLF001  nor to its connections
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = guard_pools(pools, check_peer)


class _Known:
    """What botocore asks for credentials: it has them already."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def assume_role(
    sessions: Sessions, source: Any, options: S3Options, **arguments: Any
) -> Any:
    """The role's credentials; fetched on first use, they renew themselves.

    Args:
        sessions: makes the client of STS.
        source: the credentials that may assume the role.
        options: of the storage.
        arguments: for that client.
    """
    from botocore.credentials import (  # noqa: PLC0415  on first use
        AssumeRoleCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    def build_sts(service: str, **_: Any) -> Any:
        return sessions.create_client(service, source, **arguments)

    extra = {"RoleSessionName": _ROLE_SESSION}
    if options.external_id:
        extra["ExternalId"] = options.external_id.get_secret_value()
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=build_sts,
        source_credentials=source,
        role_arn=options.role_arn,
        extra_args=extra,
    )
    return DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None

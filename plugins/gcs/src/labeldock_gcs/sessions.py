"""HTTP sessions that talk to the hosts they are for, and to no other.

Redirects and the addresses of uploads come from servers that anybody may name as an
endpoint, so each request is checked when it is sent. Imported on first use only, since
it brings the SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

import requests
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter

from labeldock.contract import CheckPeer, StorageRef, guard_pools
from labeldock_gcs.documents import is_google
from labeldock_gcs.options import GcsOperatorOptions, GcsOptions

IsAllowed = Callable[[SplitResult], bool]
"""Whether a request may go to an address."""


class HostRefused(requests.exceptions.RequestException):  # type: ignore[misc] # no types
    """A request would have gone to a host that the session is not for."""


class PinnedAdapter(HTTPAdapter):  # type: ignore[misc] # no types
    """An adapter that sends requests to some hosts only."""

    def __init__(
        self,
        is_allowed: IsAllowed,
        connections: int,
        check_peer: CheckPeer | None = None,
    ) -> None:
        self._is_allowed = is_allowed
        self._check_peer = check_peer
        super().__init__(pool_connections=4, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # as in requests
        super().init_poolmanager(*args, **kwargs)
        if self._check_peer:
            self.poolmanager.pool_classes_by_scheme = guard_pools(
                self.poolmanager.pool_classes_by_scheme, self._check_peer
            )

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:  # as in requests
        if not self._is_allowed(urlsplit(request.url)):
            raise HostRefused(request=request)
        return super().send(request, *args, **kwargs)


class TokenRequest(Request):  # type: ignore[misc] # few types
    """How credentials get their tokens.

    google-auth copies it for a look-up of its own in a thread that nobody waits for
    (regional access boundaries, which are optional) and leaves that out where it cannot
    be copied.
    """

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("not to be copied")


def build_data_session(credentials: Any, tokens: Any, storage: StorageRef) -> Any:
    """A session that sends `credentials` along, to the storage's endpoint only."""
    options = storage.options_as(GcsOptions)
    operator = storage.operator_as(GcsOperatorOptions)

    def is_allowed(url: SplitResult) -> bool:
        if options.gcs_endpoint:
            return _is_at(url, options.gcs_endpoint)
        return _is_googles(url)

    # Without credentials there is nothing to renew when the server wants some.
    codes = {"refresh_status_codes": ()} if options.anonymous else {}
    session = AuthorizedSession(credentials, auth_request=tokens, **codes)
    adapter = PinnedAdapter(is_allowed, operator.connections, storage.check_peer)
    return _mount(session, adapter)


def build_token_request(options: GcsOptions, operator: GcsOperatorOptions) -> Any:
    """What `google.auth` calls "request": where tokens are had, with Google only."""

    def is_allowed(url: SplitResult) -> bool:
        if url.hostname in operator.token_hosts or _is_at(url, operator.iam_endpoint):
            return True
        return _is_googles(url)

    session = requests.Session()
    if options.google_application_credentials is None:
        # The operator's own identity: its metadata server is where it says.
        return TokenRequest(session)
    return TokenRequest(_mount(session, PinnedAdapter(is_allowed, 4)))


def build_iam_session(credentials: Any, tokens: Any) -> Any:
    """A session for the IAM service, which signs where there is no key."""
    return AuthorizedSession(credentials, auth_request=tokens)


def build_plain_session(check_peer: CheckPeer | None) -> Any:
    """A session without credentials, for a look through a browser's eyes."""
    session = requests.Session()
    session.max_redirects = 0
    return _mount(session, PinnedAdapter(_is_any, 1, check_peer))


def _is_any(url: SplitResult) -> bool:
    return bool(url.netloc)


def _is_at(url: SplitResult, endpoint: str) -> bool:
    own = urlsplit(endpoint)
    return (url.scheme, url.netloc.lower()) == (own.scheme, own.netloc)


def _is_googles(url: SplitResult) -> bool:
    return url.scheme == "https" and is_google(url.hostname or "")


def _mount(session: Any, adapter: PinnedAdapter) -> Any:
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

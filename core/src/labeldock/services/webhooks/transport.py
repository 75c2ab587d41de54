"""One POST to an address that the egress policy permits, and what was answered.

The host is resolved once, and what is connected to is the address that was checked.
Redirects are not followed, proxies of the environment are not asked, and the whole
exchange ends after a fixed time, however slowly the other side drips its bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from labeldock.contract.errors import LabeldockError
from labeldock.host.egress import EgressPolicy, Target

_CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a POST.

    Attributes:
        status: the status; None if there was no answer.
        reason: what went wrong, for people; empty if nothing did.
        retry_after: seconds that the other side asks to wait, or None.
    """

    status: int | None
    reason: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the message was taken."""
        return self.status is not None and 200 <= self.status < 300


def post(
    policy: EgressPolicy,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> Reply:
    """Send a body; whatever goes wrong is told by the reply, never raised."""
    deadline = time.monotonic() + seconds
    try:
        target = policy.find_target(url, field="url")
    except LabeldockError as error:
        return Reply(None, error.message)
    try:
        with connect(target, deadline) as connection:
            path = parse_url(url).request_uri
            connection.request(
                "POST", path, body=body, headers={**headers, "Host": name_host(target)}
            )
            reply = _read(connection)
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        reply = Reply(None, explain_failure(error))
    if time.monotonic() >= deadline:  # it was broken off, maybe in a header's midst
        return Reply(None, f"There was no answer within {seconds:g} seconds.")
    return reply


def _read(connection: HTTPConnection) -> Reply:
    """The status alone counts; a body, of whatever size, is not read."""
    response = connection.getresponse()
    status = response.status
    if 200 <= status < 300:
        return Reply(status)
    if 300 <= status < 400:
        return Reply(status, f"It answered {status}; redirects are not followed.")
    wished = response.headers.get("Retry-After", "")
    seconds = float(wished) if wished.isdecimal() and len(wished) < 6 else None
    return Reply(status, f"It answered {status}.", seconds)


@contextlib.contextmanager
def connect(target: Target, deadline: float) -> Iterator[HTTPConnection]:
    """A connection to an address that was checked, broken off when its time is over.

    Raises:
        OSError, HTTPError, HTTPException: it cannot be connected.
    """
    connection = _open(target, deadline)
    watchdog = threading.Timer(
        max(0.0, deadline - time.monotonic()), _break_off, (connection.sock,)
    )
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    finally:
        watchdog.cancel()
        connection.close()
        watchdog.join()


def _open(target: Target, deadline: float) -> HTTPConnection:
    """A connection to the first address that takes one."""
    failure: Exception = OSError("no address")
    for address in target.addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = _build(target, address, min(left, _CONNECT_SECONDS))
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            connection.close()
            failure = error
            continue
        assert connection.sock is not None
        connection.sock.settimeout(max(0.1, deadline - time.monotonic()))
        return connection
    raise failure


def _build(target: Target, address: str, seconds: float) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=seconds)
    return HTTPSConnection(
        address,
        target.port,
        timeout=seconds,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
    )


def name_host(target: Target) -> str:
    """What the header `Host` says."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = {"http": 80, "https": 443}[target.scheme]
    return host if target.port == usual else f"{host}:{target.port}"


def _break_off(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was closed at this moment
        sock.shutdown(socket.SHUT_RDWR)


def explain_failure(error: Exception) -> str:
    """What is known of a failure, without the address, which may hold a secret."""
    text = f"{type(error).__name__} {error}".lower()
    if "certificate" in text:
        return "Its certificate is not valid for its name, or not trusted."
    if "refused" in text:
        return "It refused the connection."
    if "timed out" in text or "timeout" in text:
        return "It could not be connected in time."
    return f"The connection failed ({type(error).__name__})."

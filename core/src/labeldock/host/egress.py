"""Where requests may go whose address somebody put into a setting: the egress policy.

Whoever may connect a storage or a webhook chooses a host, and the requests come from
inside the operator's network. So the host is resolved, and every address it has must be
one that the operator permits.

    policy = EgressPolicy(["minio.internal", ".lab.example", "10.20.0.0/16"])
    target = policy.find_target("https://hooks.example.com/x", field="url")
    # connect to target.addresses[0], with target.host as Host header and for TLS

Our own HTTP client connects to the address that was checked. Cloud SDKs resolve names
by themselves: `EndpointGate` checks the endpoints of a storage before its operations,
and `PeerCheck`, which providers are given, the connections that were made.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from labeldock.contract import (
    AccessDenied,
    ConfigurationError,
    InvalidInput,
    StorageOptions,
    StorageRef,
    Unavailable,
)
from labeldock.host.networks import Address, Network, NetworkKind, find_kind, unwrap

Resolve = Callable[[str, int], Iterable[str]]
"""From a host and a port to its addresses; raises OSError if it has none."""

_PORTS: Final = {"http": 80, "https": 443}
# ASCII alone: libraries differ in how they encode names of other scripts.
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}")
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]+")
_FORBIDDEN: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")
_ALLOW: Final = "LABELDOCK_EGRESS_ALLOW"
_REMEDY: Final = f"Choose a public host, or have the operator list it in {_ALLOW}."


class EgressRefused(AccessDenied):
    """The operator does not permit requests to the host that a setting names.

    Raised by the host, never by a provider; trying again does not help.
    """

    code = "egress_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was checked, to be connected to as it is.

    Attributes:
        scheme: `http` or `https`.
        host: for the Host header and the certificate; in lower case.
        port: to connect to.
        addresses: numeric, all permitted, in the resolver's order; one at least.
    """

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, as the system's resolver has them.

    Raises:
        OSError: it has none, or the resolver does not answer.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class EgressPolicy:
    """Which hosts may be asked. Frozen; safe among threads.

    Args:
        allow: hosts (`minio.internal`), suffixes (`.lab.example`), addresses and
            networks (`10.20.0.0/16`) that are permitted although they are not public.
        permits_private: whether private networks and this machine itself are permitted
            without being listed. Link-local and reserved ranges are not.
        resolve: looks a host up.

    Raises:
        ConfigurationError: an entry of `allow` is none of these.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        *,
        permits_private: bool = False,
        resolve: Resolve = look_up,
    ) -> None:
        entries = [entry.strip().lower() for entry in allow if entry.strip()]
        self._networks = tuple(n for e in entries if (n := _parse_network(e)))
        names = [e for e in entries if _parse_network(e) is None]
        for name in names:
            _check_entry(name)
        self._suffixes = tuple(n.removeprefix("*") for n in names if n[0] in "*.")
        self._hosts = frozenset(n.rstrip(".") for n in names if n[0] not in "*.")
        self._permits_private = permits_private
        self._resolve = resolve

    def find_target(self, url: str, *, field: str | None = None) -> Target:
        """Resolve the host of a URL and check each of its addresses.

        Raises:
            InvalidInput: it is no plain http or https address.
            EgressRefused: one of the addresses is not permitted.
            Unavailable: the host has no address, or the resolver does not answer.
        """
        scheme, host, port = parse_url(url, field=field)
        try:
            addresses = tuple(self._resolve(host, port))
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise Unavailable(
                f"The host {host} cannot be found.",
                field=field,
                remedy="Check the host's name.",
            )
        is_listed = self._is_listed(host)
        for address in addresses:
            self._check(host, address, field, is_listed=is_listed)
        return Target(scheme, host, port, addresses)

    def check_url(self, url: str, *, field: str | None = None) -> None:
        """Refuse a URL whose host is not permitted; one that has no address passes.

        Raises:
            InvalidInput: it is no plain http or https address.
            EgressRefused: it is not permitted.
        """
        try:
            self.find_target(url, field=field)
        except Unavailable:
            return  # nothing can be sent there

    def check_address(self, host: str, address: str) -> None:
        """Refuse an address that a host turned out to have.

        Raises:
            EgressRefused: it is not permitted.
        """
        self._check(host, address, None, is_listed=self._is_listed(host))

    def _is_listed(self, host: str) -> bool:
        return host in self._hosts or host.endswith(self._suffixes)

    def _check(
        self, host: str, address: str, field: str | None, *, is_listed: bool
    ) -> None:
        parsed = unwrap(ip_address(address))
        kind = find_kind(parsed)
        if kind is not NetworkKind.METADATA:
            if is_listed or self._permits(parsed, kind):
                return
            remedy = _REMEDY
        else:
            remedy = "Choose another host; no setting permits this one."
        raise EgressRefused(
            f"The host {host} leads to {kind.value}, where no requests are sent.",
            field=field,
            remedy=remedy,
        )

    def _permits(self, address: Address, kind: NetworkKind) -> bool:
        if kind is NetworkKind.PUBLIC:
            return True
        is_own = kind in {NetworkKind.PRIVATE, NetworkKind.LOOPBACK}
        if is_own and self._permits_private:
            return True
        return any(address in network for network in self._networks)


def parse_url(url: str, *, field: str | None = None) -> tuple[str, str, int]:
    """Scheme, host and port of a URL that every client reads in the same way.

    Raises:
        InvalidInput: it is no such URL; names the field.
    """
    try:
        parts = urlsplit(url)
        host, port = _find_host(parts), parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), "", None
    is_plain = not _FORBIDDEN.search(url) and "@" not in parts.netloc
    if not (is_plain and host and parts.scheme in _PORTS):
        raise InvalidInput(
            "This is not an address like https://host:port.",
            field=field,
            remedy="Give http:// or https://, the host, and no user name or password.",
        )
    return parts.scheme, host, port or _PORTS[parts.scheme]


def _find_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    pattern = _ADDRESS if "[" in parts.netloc else _NAME
    return host if pattern.fullmatch(host) else ""


def _parse_network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _check_entry(entry: str) -> None:
    if "/" not in entry and ":" not in entry:
        bare = entry.removeprefix("*").removeprefix(".")
        if _NAME.fullmatch(bare) and not bare.replace(".", "").isdigit():
            return
    raise ConfigurationError(
        f"{_ALLOW}: {entry!r} is no host, suffix, address or network.",
        field=_ALLOW,
        remedy="Give entries like minio.internal, .lab.example or 10.20.0.0/16, "
        "separated by commas.",
    )


@dataclass(frozen=True, slots=True)
class PeerCheck:
    """Looks at the connections to some hosts and to what is below them."""

    policy: EgressPolicy
    hosts: tuple[str, ...]

    def __call__(self, host: str, address: str) -> None:
        """Refuse a connection; one to another host is nobody's choice.

        Raises:
            EgressRefused: the address is not permitted.
        """
        name = host.strip("[]").rstrip(".").lower()
        for known in self.hosts:
            if name == known or name.endswith(f".{known}"):  # a bucket's own host
                self.policy.check_address(known, address)


_FRESH: Final = 30.0  # seconds
_KEPT: Final = 4096


class EndpointGate:
    """Checks the endpoints of storages, each anew when its last check is too old."""

    def __init__(
        self, policy: EgressPolicy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._passed: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, storage: StorageRef) -> None:
        """Refuse a storage whose settings lead to where nobody may go.

        Raises:
            EgressRefused: names the field.
        """
        now = self._clock()
        if self._passed.get(storage.fingerprint, 0.0) > now:
            return
        for field, url in storage.options.list_endpoints():
            try:
                self._policy.check_url(url, field=field)
            except InvalidInput as error:
                raise EgressRefused(
                    error.message, field=field, remedy=error.remedy
                ) from None
        self._keep(storage.fingerprint, now + _FRESH)

    def build_peer_check(self, options: StorageOptions) -> PeerCheck | None:
        """What looks at the connections of a storage; None if it names no host."""
        hosts = tuple(_list_hosts(options))
        return PeerCheck(self._policy, hosts) if hosts else None

    def _keep(self, fingerprint: str, until: float) -> None:
        with self._lock:
            if len(self._passed) >= _KEPT:
                self._passed.clear()
            self._passed[fingerprint] = until


def _list_hosts(options: StorageOptions) -> Iterator[str]:
    for _, url in options.list_endpoints():
        with suppress(InvalidInput):  # it is refused before anybody connects
            yield parse_url(url)[1]

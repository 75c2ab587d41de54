"""What kind of network an address is in (IANA's special-purpose registries).

Python's own `is_global` changed between patch releases, so the ranges stand here. An
address that only wraps another one counts as that one: `::ffff:10.0.0.1` is 10.0.0.1.
"""

from __future__ import annotations

import enum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class NetworkKind(enum.StrEnum):
    """What lies behind an address, as a person would say it."""

    PUBLIC = "a public address"
    PRIVATE = "a private address"
    LOOPBACK = "this machine itself"
    RESERVED = "a link-local or reserved address"
    METADATA = "a metadata service"


METADATA: Final[frozenset[Address]] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # Amazon, Google, Azure, and most others
        "fd00:ec2::254",  # Amazon by IPv6
        "fd20:ce::254",  # Google by IPv6
        "169.254.170.2",  # Amazon: credentials of a container
        "169.254.170.23",  # Amazon: credentials of a pod
        "fd00:ec2::23",
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's platform, at a public address
        "192.0.0.192",  # Oracle
    )
)
"""Where clouds give credentials to whoever asks. No setting opens them."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_LOOPBACK: Final = _networks("127.0.0.0/8", "::1/128")
_PRIVATE: Final = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"
)
_RESERVED: Final = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
_UNICAST: Final = IPv6Network("2000::/3")
_RESERVED_UNICAST: Final = _networks("2001::/23", "2001:db8::/32", "3fff::/20")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


def find_kind(address: Address) -> NetworkKind:
    """The kind of network that an address is in."""
    plain = unwrap(address)
    if plain in METADATA:
        return NetworkKind.METADATA
    if _lies_in(plain, _LOOPBACK):
        return NetworkKind.LOOPBACK
    if _lies_in(plain, _PRIVATE):
        return NetworkKind.PRIVATE
    return NetworkKind.RESERVED if _is_reserved(plain) else NetworkKind.PUBLIC


def unwrap(address: Address) -> Address:
    """The address that packets end up at: mapped, translated and tunnelled ones."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    # A zone (`fe80::1%eth0`) is no part of the comparison.
    return IPv6Address(int(address))


def _is_reserved(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return _lies_in(address, _RESERVED)
    return address not in _UNICAST or _lies_in(address, _RESERVED_UNICAST)


def _lies_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)

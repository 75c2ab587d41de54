"""Which addresses a connection string leads to, as the SDK reads it.

The string comes from whoever connects the storage, and the host has to know where its
requests would go before the SDK is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_EMULATOR: Final = "http://127.0.0.1:10000/devstoreaccount1"
_AZURES_OWN: Final = re.compile(
    r"https?://[a-z0-9]{3,24}(-secondary)?\.blob\."
    r"core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)"
)


def find_addresses(connection_string: str) -> tuple[str, ...]:
    """The addresses of blob services in a connection string, without Azure's own."""
    parts = _parse(connection_string)
    if parts.get("USEDEVELOPMENTSTORAGE") == "true":
        return (_EMULATOR,)
    found = (_find_primary(parts), _find_secondary(parts))
    urls = [
        url if url.lower().startswith("http") else f"https://{url}" for url in found
    ]
    return tuple(url for url in urls if not _AZURES_OWN.fullmatch(url.rstrip("/")))


def _parse(connection_string: str) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in connection_string.rstrip(";").split(";"))
    return {name.upper(): value for name, _, value in pairs}


def _find_primary(parts: Mapping[str, str]) -> str:
    if "BLOBENDPOINT" in parts:
        return parts["BLOBENDPOINT"]
    protocol = parts.get("DEFAULTENDPOINTSPROTOCOL", "https")
    return f"{protocol}://{_build_host(parts, '')}"


def _find_secondary(parts: Mapping[str, str]) -> str:
    if "BLOBSECONDARYENDPOINT" in parts:
        return parts["BLOBSECONDARYENDPOINT"]
    if "BLOBENDPOINT" in parts:  # then there is none
        return parts["BLOBENDPOINT"]
    return f"https://{_build_host(parts, '-secondary')}"


def _build_host(parts: Mapping[str, str], ending: str) -> str:
    suffix = parts.get("ENDPOINTSUFFIX", "core.windows.net")
    return f"{parts.get('ACCOUNTNAME', '')}{ending}.blob.{suffix}"

"""Files that somebody names by an address, fetched once and within limits.

Who may send a project tasks may have them fetched, from where the egress policy lets
requests go. Redirects are not followed: they would lead elsewhere than what was said.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final
from urllib.parse import unquote, urlsplit

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url

from labeldock.contract.errors import InvalidInput
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext, build_egress_policy
from labeldock.services.webhooks.transport import connect, explain_failure, name_host

_SECONDS: Final = 30.0
"""As large as the body of a request may be, too."""
_HEADERS: Final = {"User-Agent": "Labeldock", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file: its name by its address, its content type without parameters."""

    name: str
    content_type: str
    content: bytes


def fetch_file(
    app: AppContext,
    principal: Principal,
    project_id: int,
    url: str,
    *,
    seconds: float = _SECONDS,
) -> Fetched:
    """Fetch a file of tasks for a project.

    Raises:
        InvalidInput: it is no address, cannot be had, or is too large.
        AccessDenied: requests may not go there.
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
    target = build_egress_policy(app.settings).find_target(url, field="url")
    deadline = time.monotonic() + seconds
    try:
        with connect(target, deadline) as connection:
            path = parse_url(url).request_uri
            headers = {**_HEADERS, "Host": name_host(target)}
            connection.request("GET", path, headers=headers, preload_content=False)
            return _read(connection, url, app.settings.request_max_bytes)
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:  # it was broken off
            raise _refuse(f"It took longer than {seconds:g} seconds.") from None
        raise _refuse(explain_failure(error)) from None


def _read(connection: HTTPConnection, url: str, most: int) -> Fetched:
    response: BaseHTTPResponse = connection.getresponse()
    if response.status != 200:
        raise _refuse(f"It answered {response.status}.")
    content = response.read(most + 1)
    if len(content) > most:
        raise _refuse(f"It is larger than {most / 2**20:g} MiB.")
    promised = response.headers.get("Content-Length")
    if promised is not None and promised != str(len(content)):
        raise _refuse("It ended too early.")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return Fetched(name, kind, content)


def _refuse(message: str) -> InvalidInput:
    return InvalidInput(
        f"The file cannot be had: {message}",
        field="url",
        remedy="Give the address of a file of tasks, or send the file itself.",
    )

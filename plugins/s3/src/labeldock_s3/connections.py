"""Requests straight to the connections that a client of boto3 holds.

botocore finds proxy, pool and certificates anew for each request. For one server they
stay the same, so they are found once. Errors are told as botocore tells them.
"""

from __future__ import annotations

import socket
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from labeldock_s3.signatures import Request

_PORTS: Final = {"http": 80, "https": 443}


class Server(NamedTuple):
    """A server, and the connections to it.

    Attributes:
        address: scheme and host, for errors.
        host: with its port, unless that is the scheme's own.
        pool: of urllib3; a client of boto3 made it, and closes it.
    """

    address: str
    host: str
    pool: Any

    def ask(self, request: Request) -> Any:
        """The answer, of urllib3; that of a GET is not read yet.

        Raises:
            BotoCoreError: no answer came.
        """
        from urllib3.util import Retry  # noqa: PLC0415  the SDK, on first use

        try:
            return self.pool.urlopen(
                method=request.method,
                url=request.path,
                body=request.body or None,
                headers=request.headers,
                retries=Retry(False),  # noqa: FBT003  as urllib3 has it
                assert_same_host=False,
                preload_content=request.method != "GET",
                decode_content=False,
                enforce_content_length=False,
            )
        except Exception as error:
            raise self._tell(error) from error

    def _tell(self, error: Exception) -> Exception:
        """The error of botocore that says the same."""
        from botocore import exceptions as told  # noqa: PLC0415
        from urllib3 import exceptions as seen  # noqa: PLC0415

        kinds: Any = (
            (seen.SSLError, told.SSLError),
            ((seen.NewConnectionError, socket.gaierror), told.EndpointConnectionError),
            (seen.ConnectTimeoutError, told.ConnectTimeoutError),
            (seen.ReadTimeoutError, told.ReadTimeoutError),
            (seen.ProtocolError, told.ConnectionClosedError),
            (Exception, told.HTTPClientError),
        )
        kind = next(better for known, better in kinds if isinstance(error, known))
        told_error: Exception = kind(endpoint_url=self.address, error=error)
        return told_error


def find_server(session: Any, url: str) -> Server | None:
    """The server of a URL.

    Args:
        session: of botocore, with which a client sends its requests.
        url: of an object, or what precedes its key.

    Returns:
        None where a proxy stands between, which is botocore's business.
    """
    if session._proxy_config.proxy_url_for(url):  # noqa: SLF001  there is no public one
        return None
    pool = session._manager.connection_from_url(url)  # noqa: SLF001
    session._setup_ssl_cert(pool, url, session._verify)  # noqa: SLF001
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    if parts.port not in (None, _PORTS[parts.scheme]):
        host = f"{host}:{parts.port}"
    return Server(f"{parts.scheme}://{host}", host, pool)

"""Where tokens come from: Entra ID, and the identity of a machine, both made up.

Azurite looks at a token's audience, issuer and times, and not at its signature.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.certificates import Certificate

TENANT = "11111111-2222-3333-4444-555555555555"


@dataclass
class Directory:
    """What is answered, and what was asked.

    Attributes:
        url: its address.
        refusal: the code with which a token is refused, e.g. "AADSTS7000215".
        asked: the forms and queries that came in.
    """

    url: str = ""
    refusal: str = ""
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """The OpenID configuration of the tenant."""
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def grant(self, form: str) -> tuple[int, dict[str, Any]]:
        """A token, or why not."""
        self.asked.append(parse_qs(form))
        if self.refusal:
            text = f"{self.refusal}: no, and the secret was 'the-client-secret'"
            return 401, {"error": "invalid_client", "error_description": text}
        token = build_token()
        return 200, {
            "access_token": token,
            "expires_in": 3600,
            "expires_on": str(int(time.time()) + 3600),
            "resource": "https://storage.azure.com/",
            "token_type": "Bearer",
        }


def build_token() -> str:
    """A token as Entra ID makes them, but for the signature."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
        "oid": "22222222-0000-0000-0000-000000000000",
        "tid": TENANT,
    }
    return f"{_encode({'alg': 'none', 'typ': 'JWT'})}.{_encode(claims)}.x"


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@contextmanager
def served_directory(certificate: Certificate | None = None) -> Iterator[Directory]:
    """The directory on a free port, with TLS if there is a certificate."""
    directory = Directory()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "openid-configuration" in self.path:
                self.answer(200, directory.describe())
            else:
                self.answer(*directory.grant(urlsplit(self.path).query))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            self.answer(*directory.grant(self.rfile.read(length).decode()))

        def answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.path, certificate.key_path)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        directory.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield directory
        finally:
            server.shutdown()

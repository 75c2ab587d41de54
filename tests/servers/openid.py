"""An OpenID provider: a real HTTP server with RSA keys, and one user who says yes.

It holds clients to the protocol: their secret, the address that they registered, PKCE,
and that a code works once. What a test sets in `spoiled` is put into ID tokens, also
what no honest provider would say.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT = "labeldock"
SECRET = "the client's secret"


def make_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})


@dataclass
class Provider:
    """What it says, and what was asked of it.

    Attributes:
        url: its issuer.
        redirect_uri: the one that the client registered.
        user: the claims about whoever logs in.
        spoiled: claims that are changed in ID tokens; None takes one away.
        key: what it signs with.
        published: the keys that it publishes.
        algorithm: of the signatures.
        tells_apart: e-mail and names come from the userinfo endpoint alone.
        document: changes of the discovery document.
        refuses: whether the user says no.
        asked: how often each path was asked for.
    """

    url: str = ""
    redirect_uri: str = "http://testserver/user/openid/callback"
    user: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "user-1",
            "email": "Ada@example.org",
            "email_verified": True,
            "given_name": "Ada",
            "family_name": "Lovelace",
        }
    )
    spoiled: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=cache(make_key))
    published: list[RSAKey] = field(default_factory=list)
    algorithm: str = "RS256"
    tells_apart: bool = False
    document: dict[str, Any] = field(default_factory=dict)
    refuses: bool = False
    asked: dict[str, int] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/logout",
            **self.document,
        }

    def authorize(self, query: dict[str, str]) -> tuple[int, str]:
        """Where the browser goes after the user said yes, or no."""
        wanted = {
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in wanted.items() if query.get(name) != value]
        if wrong or not query.get("nonce") or "openid" not in query.get("scope", ""):
            return 400, f"wrong: {wrong}"
        answer = {"state": query["state"], "iss": self.url}
        if self.refuses:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(8)
            self.codes[answer["code"]] = query
        return 302, f"{self.redirect_uri}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], login: str) -> tuple[int, dict[str, Any]]:
        """Tokens for a code."""
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if login != f"Basic {expected}":
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_right = query is not None and query["code_challenge"] == challenge
        if query is None or not is_right or form["redirect_uri"] != self.redirect_uri:
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(8)
        self.tokens.add(token)
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": self.sign(query["nonce"]),
        }

    def sign(self, nonce: str) -> str:
        now = int(time.time())
        told = {"sub": self.user["sub"]} if self.tells_apart else self.user
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
            **told,
            **self.spoiled,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "HS256":  # with the public key as if it were a secret
            shared = OctKey.import_key(self.key.as_pem(private=False))
            return jwt.encode(header, claims, shared, algorithms=["HS256"])
        if self.algorithm == "none":
            parts = (json.dumps(part).encode() for part in (header, claims))
            text = ".".join(map(_encode, parts))
            return f"{text}."
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def run_openid_provider() -> Iterator[Provider]:
    """Serve one until the block ends."""
    provider = Provider()
    provider.published = [provider.key]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            provider.asked[url.path] = provider.asked.get(url.path, 0) + 1
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/.well-known/openid-configuration":
                self.answer(200, provider.describe())
            elif url.path == "/keys":
                keys = [key.as_dict(private=False) for key in provider.published]
                self.answer(200, {"keys": keys})
            elif url.path == "/authorize":
                status, target = provider.authorize(query)
                headers = {"Location": target} if status == 302 else {}
                self.answer(status, {"said": target}, headers)
            elif url.path == "/userinfo":
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                is_known = token in provider.tokens
                self.answer(200 if is_known else 401, provider.user)
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            login = self.headers.get("Authorization", "")
            self.answer(*provider.exchange(form, login))

        def answer(
            self, status: int, content: Any, headers: dict[str, str] | None = None
        ) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

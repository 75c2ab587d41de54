"""The OpenID provider: its addresses and keys, and what it says about somebody.

The code flow with PKCE, a state and a nonce. Its address is the operator's own setting,
so the policy for addresses that users give does not apply.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

import requests
import structlog
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from labeldock.contract.errors import NotAuthenticated
from labeldock.services.accounts.openid.claims import Claims, Journey
from labeldock.settings import Settings

_log = structlog.get_logger(__name__)

_SECONDS: Final = 10.0  # for one answer of the provider
_LASTING: Final = 3600.0  # how long its addresses and keys are relied on
_CLOCK_SKEW: Final = 120
# Signatures of the provider's own key: none, and those with a shared secret, are not.
_ALGORITHMS: Final = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "EdDSA",
]  # fmt: skip
_DISCOVERY: Final = "/.well-known/openid-configuration"
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdProvider:
    """One per process; safe to use from many threads."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, redirect_uri: str, target: str) -> tuple[str, Journey]:
        """Where to send somebody, and what to remember of them meanwhile.

        Raises:
            NotAuthenticated: the provider cannot be used.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        journey = Journey(state, nonce, verifier, target)
        with _told_as_refusal(), self._open_session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                self._find_metadata()["authorization_endpoint"],
                state=journey.state,
                nonce=journey.nonce,
                code_verifier=journey.verifier,
            )
        return str(url), journey

    def finish(
        self, redirect_uri: str, journey: Journey, query: Mapping[str, str]
    ) -> Claims:
        """What the provider says about somebody who came back.

        Raises:
            NotAuthenticated: they did not log in there, the answer is not for this
                journey, or it cannot be trusted.
        """
        if not secrets.compare_digest(query.get("state", ""), journey.state):
            raise NotAuthenticated("This login was not begun here. Try again.")
        if query.get("iss", self._settings.openid_issuer) != self._issuer:
            raise NotAuthenticated("Another provider answered.")
        code = query.get("code")
        if not code:
            raise NotAuthenticated("You were not logged in there.")
        with _told_as_refusal(), self._open_session(redirect_uri) as session:
            token = session.fetch_token(
                self._find_metadata()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=journey.verifier,
                allow_redirects=False,
            )
            claims = self._read_id_token(token, journey.nonce)
            if "email" not in claims:
                claims = {**self._ask_for_more(session, claims["sub"]), **claims}
        return self._build_claims(claims)

    def find_logout_url(self, back: str) -> str | None:
        """Where somebody logs out of the provider, too; None if it has no such page."""
        try:
            with _told_as_refusal():
                endpoint = self._find_metadata().get("end_session_endpoint")
        except NotAuthenticated:
            return None
        if not endpoint:
            return None
        query = {
            "client_id": self._settings.openid_client_id,
            "post_logout_redirect_uri": back,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    @property
    def _issuer(self) -> str:
        return self._settings.openid_issuer

    def _open_session(self, redirect_uri: str) -> OAuth2Session:
        settings = self._settings
        return OAuth2Session(
            client_id=settings.openid_client_id,
            client_secret=settings.openid_client_secret.get_secret_value() or None,
            scope=settings.openid_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=_SECONDS,
            leeway=0,  # it is used at once, however short it lasts
        )

    # What it says of itself

    def _find_metadata(self) -> dict[str, Any]:
        metadata = self._fetch(self._issuer.rstrip("/") + _DISCOVERY)
        # Exactly: else the keys of one provider could vouch for another's users.
        if metadata.get("issuer") != self._issuer:
            raise ValueError("the provider calls itself by another address")
        for name in _NEEDED:
            _check_address(self._issuer, metadata.get(name))
        return metadata

    def _find_keys(self, *, anew: bool = False) -> KeySet:
        url = self._find_metadata()["jwks_uri"]
        keys: Any = self._fetch(url, anew=anew)
        return KeySet.import_key_set(keys)

    def _fetch(self, url: str, *, anew: bool = False) -> dict[str, Any]:
        with self._lock:
            until, document = self._known.get(url, (0.0, {}))
            if until > self._clock() and not anew:
                return document
            answer = requests.get(url, timeout=_SECONDS)
            answer.raise_for_status()
            document = answer.json()
            if not isinstance(document, dict):
                raise TypeError("not a JSON object")
            self._known[url] = (self._clock() + _LASTING, document)
            return document

    # What it says of somebody

    def _read_id_token(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of an ID token, once they are known to be true, and for us."""
        text = str(token["id_token"])
        try:
            decoded = _decode(text, self._find_keys())
        except InvalidKeyIdError:  # it has changed its keys
            decoded = _decode(text, self._find_keys(anew=True))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._settings.openid_client_id},
                "nonce": {"essential": True, "value": nonce},
            },
            {
                "nonce": nonce,
                "client_id": self._settings.openid_client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=_CLOCK_SKEW)
        return dict(claims)

    def _ask_for_more(self, session: OAuth2Session, subject: str) -> dict[str, Any]:
        """What the provider tells apart from the ID token, if it does."""
        endpoint = self._find_metadata().get("userinfo_endpoint")
        if not endpoint:
            return {}
        _check_address(self._issuer, endpoint)
        answer = session.get(endpoint, allow_redirects=False)
        answer.raise_for_status()
        told = answer.json()
        return told if told.get("sub") == subject else {}

    def _build_claims(self, claims: Mapping[str, Any]) -> Claims:
        email = claims.get("email")
        is_verified = claims.get("email_verified") in (True, "true")
        return Claims(
            issuer=self._issuer,
            subject=str(claims["sub"]),
            email=email.strip().lower() if email and is_verified else "",
            first_name=str(claims.get("given_name") or "")[:150],
            last_name=str(claims.get("family_name") or "")[:150],
        )


@contextmanager
def _told_as_refusal() -> Any:  # a generator of nothing
    """Whatever the libraries raise is one refusal; the log says which.

    Raises:
        NotAuthenticated: anything went wrong.
    """
    try:
        yield
    except NotAuthenticated:
        raise
    except Exception as error:  # of three libraries, and of what they read
        _log.warning(
            "openid_failed", kind=type(error).__name__, reason=str(error)[:200]
        )
        raise NotAuthenticated(
            "The login with the OpenID provider did not succeed. Try again."
        ) from error


def _decode(text: str, keys: KeySet) -> jwt.Token:
    registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
    return jwt.decode(text, key=keys, registry=registry)


def _check_address(issuer: str, address: Any) -> None:
    """A provider that is reached by https names no address without it."""
    scheme = issuer.partition("://")[0]
    if not isinstance(address, str) or not address.startswith(f"{scheme}://"):
        raise ValueError("the provider names an address that cannot be used")

"""Access tokens: for a signed JWT, for a federated token, for another account."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote

from tests.servers.gcs.messages import ApiError, reply_json

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
# What Google's libraries name as audience, wherever the document sends them.
GOOGLE = "https://oauth2.googleapis.com/token"
LIFE = 3600
SKEW = 300
ACCOUNTS = "/v1/projects/-/serviceAccounts/"


class Refusal(Exception):
    """The token service gives out nothing (RFC 6749, 5.2)."""

    def __init__(self, error, description, status=400):
        super().__init__(description)
        self.status = status
        self.answer = {"error": error, "error_description": description}


@dataclass
class Token:
    """What a bearer token stands for."""

    account: object
    expires: float


class Tokens:
    """The token service, the security token service, and IAM credentials.

    Attributes:
        audience: what a workload identity federation has to name.
        subjects: federated token -> the account that its bearer is.
    """

    audience = (
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool"
        "/providers/provider"
    )

    def __init__(self, accounts):
        self._accounts = accounts
        self._tokens = {}
        self.subjects = {}

    def give_out(self, account):
        value = f"ya29.fake-{secrets.token_urlsafe(24)}"
        self._tokens[value] = Token(account, time.time() + LIFE)
        return value

    def expire_all(self):
        """From now on every token given out so far is refused."""
        self._tokens.clear()

    def find_account(self, header):
        """The account of an Authorization header, None for nobody.

        Raises:
            ApiError: the token is none of ours, or has expired.
        """
        if not header:
            return None
        token = self._tokens.get(header.removeprefix("Bearer "))
        if token is None or token.expires < time.time():
            raise ApiError(401, "authError", "Invalid Credentials", "Unauthorized")
        return token.account

    def handle_token(self, request, own_url):
        """POST /token: a JWT of a service account for an access token (RFC 7523)."""
        form = _read_form(request)
        try:
            account = self._check_jwt(form, f"{own_url}/token")
        except Refusal as refusal:
            return reply_json(refusal.answer, refusal.status)
        return self._reply_token(account)

    def handle_exchange(self, request):
        """POST /v1/token: a federated token for an access token (RFC 8693)."""
        form = _read_form(request)
        try:
            account = self._check_subject(form)
        except Refusal as refusal:
            return reply_json(refusal.answer, refusal.status)
        return self._reply_token(account)

    def handle_account(self, request):
        """IAM credentials: another account's token, or its signature."""
        caller = self.find_account(request.headers.get("Authorization"))
        if caller is None:
            raise ApiError(401, "required", "Login Required")
        name, _, action = request.path.removeprefix(ACCOUNTS).rpartition(":")
        target = self._accounts.get(unquote(name))
        if target is None or not self._may_act_as(caller, target):
            raise ApiError(
                403,
                "forbidden",
                f"Permission 'iam.serviceAccounts.{action}' denied on resource "
                "(or it may not exist).",
            )
        return self._act(target, action, json.loads(request.body))

    def _act(self, target, action, body):
        if action == "generateAccessToken":
            ends = datetime.fromtimestamp(time.time() + LIFE, UTC)
            stamp = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
            return reply_json(
                {"accessToken": self.give_out(target), "expireTime": stamp}
            )
        if action == "signBlob":
            signature = target.sign(base64.b64decode(body["payload"]))
            signed = base64.b64encode(signature).decode()
            return reply_json({"keyId": target.key_id, "signedBlob": signed})
        raise ApiError(404, "notFound", "No such method")

    def _reply_token(self, account):
        answer = {"token_type": "Bearer", "expires_in": LIFE - 1}
        answer["access_token"] = self.give_out(account)
        answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        return reply_json(answer)

    def _may_act_as(self, caller, target):
        return target.name in caller.tokens_for

    def _check_jwt(self, form, audience):
        """The account that an assertion is signed by."""
        if form.get("grant_type") != JWT_GRANT:
            raise Refusal("unsupported_grant_type", "Invalid grant_type")
        assertion = form.get("assertion", "")
        head, claims, signature = _split_jwt(assertion)
        account = self._accounts.get(claims.get("iss"))
        if account is None or account.state == "deleted":
            raise Refusal("invalid_grant", "Invalid grant: account not found")
        if account.state == "disabled":
            raise Refusal("invalid_grant", "Account has been disabled")
        signed = assertion.rpartition(".")[0].encode()
        if head.get("alg") != "RS256" or not account.is_signed(signature, signed):
            raise Refusal("invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") not in {audience, GOOGLE}:
            raise Refusal("invalid_grant", "Invalid JWT: Failed audience check.")
        _check_times(claims)
        if not claims.get("scope"):
            raise Refusal("invalid_scope", "Empty or missing scope not allowed.")
        return account

    def _check_subject(self, form):
        if form.get("grant_type") != EXCHANGE_GRANT:
            raise Refusal("unsupported_grant_type", "Invalid grant_type")
        if form.get("audience") != self.audience:
            raise Refusal("invalid_target", "The target service is not known.")
        account = self.subjects.get(form.get("subject_token"))
        if account is None:
            message = "Unable to parse the subject token."
            raise Refusal("invalid_request", message)
        return account


def _check_times(claims):
    now = time.time()
    issued, ends = claims.get("iat", 0), claims.get("exp", 0)
    is_short = 0 < ends - issued <= LIFE + SKEW
    if not is_short or issued > now + SKEW or ends < now - SKEW:
        raise Refusal(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
            "reasonable timeframe. Check your iat and exp values in the JWT claim.",
        )


def _split_jwt(assertion):
    try:
        head, claims, signature = map(_decode, assertion.split("."))
        return json.loads(head), json.loads(claims), signature
    except (ValueError, binascii.Error):
        raise Refusal("invalid_grant", "Bad JWT format.") from None


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _read_form(request):
    form = parse_qs(request.body.decode())
    return {name: values[0] for name, values in form.items()}

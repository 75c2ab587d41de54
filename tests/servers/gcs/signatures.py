"""V4 signatures in the query, checked as Google documents them.

cloud.google.com/storage/docs/authentication/signatures and .../canonical-requests
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from tests.servers.gcs.messages import ApiError

ALGORITHM = "GOOG4-RSA-SHA256"
MAX_LIFE = 7 * 24 * 3600
SKEW = 900


def is_signed(request):
    """Whether a request carries a signature at all."""
    return "X-Goog-Signature" in request.query


def check_signature(request, accounts):
    """The account that a request is signed by.

    Raises:
        ApiError: the signature is wrong, or the time is over.
    """
    query = request.query
    email, _, scope = unquote(query.get("X-Goog-Credential", "")).partition("/")
    account = accounts.get(email)
    if query.get("X-Goog-Algorithm") != ALGORITHM or account is None:
        raise _wrong()
    _check_time(query, scope)
    # A URL that is signed for GET is good for HEAD as well.
    verbs = ["HEAD", "GET"] if request.method == "HEAD" else [request.method]
    try:
        signature = bytes.fromhex(query["X-Goog-Signature"])
    except ValueError:
        raise _wrong() from None
    if not any(
        account.is_signed(signature, _build_text(request, verb, scope))
        for verb in verbs
    ):
        raise _wrong()
    return account


def _build_text(request, verb, scope):
    names = request.query["X-Goog-SignedHeaders"]
    headers = {
        name: " ".join((request.headers.get(name) or "").split())
        for name in names.split(";")
    }
    parameters = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in request.pairs
        if name != "X-Goog-Signature"
    )
    canonical = [
        verb,
        request.path,
        "&".join(f"{name}={value}" for name, value in parameters),
        *(f"{name}:{headers[name]}" for name in sorted(headers)),
        "",
        names,
        headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    stamp = request.query["X-Goog-Date"]
    return f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode()


def _check_time(query, scope):
    stamp, life = query.get("X-Goog-Date", ""), query.get("X-Goog-Expires", "")
    try:
        begins = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _malformed() from None
    day, _, rest = scope.partition("/")
    is_scope = day == stamp[:8] and rest.endswith("/storage/goog4_request")
    if not life.isdigit() or not 0 < int(life) <= MAX_LIFE or not is_scope:
        raise _malformed()
    if "host" not in query.get("X-Goog-SignedHeaders", "").split(";"):
        raise _malformed()
    now = time.time()
    if begins.timestamp() > now + SKEW:
        raise ApiError(403, "AccessDenied", "The request is not yet valid.")
    if begins.timestamp() + int(life) <= now:
        raise ApiError(400, "ExpiredToken", "The provided token has expired.")


def _wrong():
    return ApiError(
        403,
        "SignatureDoesNotMatch",
        "Access denied. The request signature we calculated does not match the "
        "signature you provided.",
    )


def _malformed():
    return ApiError(
        400,
        "MalformedSecurityHeader",
        "Your request has a malformed header or parameter.",
    )

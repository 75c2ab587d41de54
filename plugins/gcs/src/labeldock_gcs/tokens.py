"""Why there is no access token: what the token service of Google says, in our words.

Its answers follow RFC 6749, 5.2: a word for the error and a text for people. The texts
tell apart what one word, `invalid_grant`, stands for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from labeldock.contract import Unauthenticated, Unavailable
from labeldock_gcs.documents import FIELD
from labeldock_gcs.meanings import Meaning

_NEW_KEY: Final = "Create a new key for the account, and paste its JSON file."

TOKEN_TEXTS: Final[tuple[tuple[str, Meaning], ...]] = (
    (
        "timeframe",
        Meaning(
            Unauthenticated,
            "The clocks of this machine and of Google differ by too much.",
            None,
            "Set the clock of this machine.",
        ),
    ),
    (
        "signature",
        Meaning(
            Unauthenticated,
            "The key of the service account is wrong, or was deleted.",
            FIELD,
            _NEW_KEY,
        ),
    ),
    (
        "account not found",
        Meaning(
            Unauthenticated,
            "There is no such service account any more.",
            FIELD,
            "Use the key of another account.",
        ),
    ),
    (
        "disabled",
        Meaning(
            Unauthenticated,
            "The service account, or its key, is disabled.",
            FIELD,
            "Have it enabled again, or use another one.",
        ),
    ),
    (
        "expired",
        Meaning(
            Unauthenticated, "The key, or the token, has expired.", FIELD, _NEW_KEY
        ),
    ),
)
"""What stands in the text for people -> what it comes to; the first one counts."""

TOKEN_WORDS: Final[Mapping[str, Meaning]] = {
    "invalid_target": Meaning(
        Unauthenticated,
        "The audience of the workload identity federation is wrong.",
        FIELD,
        "Have Google give out the document again.",
    ),
    "invalid_request": Meaning(
        Unauthenticated,
        "The token of the workload identity federation is not accepted.",
        FIELD,
        "Check the pool's provider: issuer, audience and attribute condition.",
    ),
    "unauthorized_client": Meaning(
        Unauthenticated, "The account may not have tokens.", FIELD, _NEW_KEY
    ),
}
"""The word of the answer -> what it comes to."""

_NO_TOKEN: Final = Meaning(
    Unauthenticated, "There is no access token for the credentials.", FIELD, _NEW_KEY
)
_BUSY: Final = Meaning(
    Unavailable,
    "The token service cannot answer at the moment.",
    FIELD,
    "Try again later.",
)
_NOT_IMPERSONATED: Final = Meaning(
    Unauthenticated,
    "The service account cannot be impersonated.",
    "impersonate_service_account",
    "Check its address, and grant the credentials the role Service Account Token "
    "Creator on it.",
)


def find_token_meaning(error: BaseException) -> Meaning | None:
    """What a RefreshError of google-auth comes to; None if it is something else."""
    kind = type(error).__name__
    if kind not in {"RefreshError", "OAuthError"}:
        return None
    answer = _read_answer(error)
    # An OAuthError never says that the service only failed; that it is no answer does.
    if getattr(error, "retryable", False) or (kind == "OAuthError" and not answer):
        return _BUSY
    problem = answer.get("error")
    if isinstance(problem, dict):  # from the IAM service, which impersonates
        code = problem.get("code")
        is_busy = isinstance(code, int) and (code == 429 or code >= 500)
        return _BUSY if is_busy else _NOT_IMPERSONATED
    text = f"{problem} {answer.get('error_description')}".lower()
    for words, meaning in TOKEN_TEXTS:
        if words in text:
            return meaning
    return TOKEN_WORDS.get(str(problem), _NO_TOKEN)


def _read_answer(error: BaseException) -> dict[str, Any]:
    for part in error.args[1:]:
        if isinstance(part, dict):
            return part
        try:
            answer = json.loads(part)
        except (TypeError, ValueError):
            continue
        if isinstance(answer, dict):
            return answer
    return {}

"""What an error answer of the server says, for programs: never shown to people."""

from __future__ import annotations

from typing import Any


def read_reason(response: Any) -> str:
    """The word for the reason, e.g. "conditionNotMet"; "" if there is none."""
    errors = _read_error(response).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return str(reason or _read_error(response).get("status") or "")


def read_message(response: Any) -> str:
    """The text of the answer, whether it is JSON or not."""
    message = _read_error(response).get("message")
    return str(message or getattr(response, "text", "") or "")


def find_header(response: Any, name: str) -> str:
    """A header of the answer; "" if it is not there."""
    headers = getattr(response, "headers", None) or {}
    return str(headers.get(name) or "")


def _read_error(response: Any) -> dict[str, Any]:
    try:
        error = response.json()["error"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return error if isinstance(error, dict) else {}
